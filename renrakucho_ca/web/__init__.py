"""The download portal: the pages on which people get their certificate."""
