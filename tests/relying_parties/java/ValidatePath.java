// Validates root, issuing CA and leaf with their CRLs by the JDK's PKIX algorithm (RFC 5280 §6).
// Arguments: root.pem crl.pem chain.pem...; prints the reason where the answer is no.

import java.io.FileInputStream;
import java.io.InputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

public class ValidatePath {
    private static CertificateFactory factory;

    public static void main(String[] files) throws Exception {
        factory = CertificateFactory.getInstance("X.509");
        X509Certificate root = (X509Certificate) certificate(files[0]);
        List<Certificate> chain = new ArrayList<>();
        for (int i = 2; i < files.length; i++) {
            chain.add(certificate(files[i]));
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.setRevocationEnabled(true);
        try (InputStream crls = new FileInputStream(files[1])) {
            parameters.addCertStore(
                    CertStore.getInstance(
                            "Collection",
                            new CollectionCertStoreParameters(factory.generateCRLs(crls))));
        }
        try {
            CertPathValidator.getInstance("PKIX")
                    .validate(factory.generateCertPath(chain), parameters);
        } catch (CertPathValidatorException refusal) {
            System.out.println(refusal.getReason() + ": " + refusal.getMessage());
            System.exit(1);
        }
    }

    private static Certificate certificate(String file) throws Exception {
        try (InputStream stream = new FileInputStream(file)) {
            return factory.generateCertificate(stream);
        }
    }
}
