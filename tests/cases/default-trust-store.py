#!/usr/bin/python3
# What OpenSSL trusts by default is the pod's trust store, though the links to it lie in /usr, which is local.
# @pod cd /tmp; mkdir -p /etc/ssl/certs/java; printf '[req]\ndistinguished_name=n\n[n]\n' >req.cnf; openssl req -config req.cnf -x509 -newkey rsa:2048 -nodes -subj /CN=only-the-pod-has-this -days 30 -keyout ca.key -out ca.pem 2>/dev/null; cp ca.pem /etc/ssl/certs/ca-certificates.crt; cp ca.pem /etc/ssl/certs/$(openssl x509 -hash -noout -in ca.pem).0; echo of-the-pod >/etc/ssl/certs/java/cacerts
import glob
import os
import ssl

paths = ssl.get_default_verify_paths()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(cafile=paths.openssl_cafile)
print("file:", [dict(part for (part,) in one["subject"])["commonName"] for one in context.get_ca_certs()])
here = [name for name in os.listdir(paths.openssl_capath) if name.endswith(".0")]
contents = {open(os.path.join(paths.openssl_capath, name)).read() for name in here}
print("directory:", open("/etc/ssl/certs/ca-certificates.crt").read() in contents)
for name in sorted(glob.glob("/usr/lib/jvm/*/lib/security/cacerts")):
    print("java:", name, open(name, "rb").read(11))
