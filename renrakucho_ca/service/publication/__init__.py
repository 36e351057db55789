"""Publishing CA certificates, CRLs and nginx snippets for servers."""
