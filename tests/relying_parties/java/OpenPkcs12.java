// Opens a PKCS#12 with the password on standard input, by the JDK or by Bouncy Castle, and prints
// the serial numbers of the chain of its key, the leaf first.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.Security;
import java.security.Signature;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Collections;

public class OpenPkcs12 {
    public static void main(String[] arguments) throws Exception {
        String provider = arguments[0];
        Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
        String line = new BufferedReader(new InputStreamReader(System.in)).readLine();
        char[] password = line == null ? null : line.toCharArray();

        KeyStore store = KeyStore.getInstance("PKCS12", provider);
        try (FileInputStream file = new FileInputStream(arguments[1])) {
            store.load(file, password);
        }
        for (String alias : Collections.list(store.aliases())) {
            if (!store.isKeyEntry(alias)) {
                continue;
            }
            PrivateKey key = (PrivateKey) store.getKey(alias, password);
            Certificate[] chain = store.getCertificateChain(alias);
            proveThatTheyBelongTogether(key, chain[0]);
            for (Certificate each : chain) {
                X509Certificate certificate = (X509Certificate) each;
                System.out.println(certificate.getSerialNumber().toString(16));
            }
        }
    }

    private static void proveThatTheyBelongTogether(PrivateKey key, Certificate leaf)
            throws Exception {
        String algorithm = key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(key);
        signature.update(new byte[] {1});
        byte[] signed = signature.sign();
        signature.initVerify(leaf);
        signature.update(new byte[] {1});
        if (!signature.verify(signed)) {
            throw new IllegalStateException("the key is not the certificate's");
        }
    }
}
