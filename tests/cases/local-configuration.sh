# What configures the interpreters and tools of this machine is this machine's, though the pod has it, too.
# @pod for name in php perl python3; do for one in $(find /etc/$name* -name '*.ini' -o -name '*.cfg' -o -name '*.pm' 2>/dev/null); do : >$one; done; done; rm -f /etc/manpath.config /etc/pam.d/runuser; printf 'broken = [\n' >/etc/ssl/openssl.cnf
# @only-outside
# @right php: curl
# @right man: CAT(1)
# @right python: True
php -r 'echo "php: ", extension_loaded("curl") ? "curl" : "none", "\n";'
echo "man: $(MANPAGER=cat MANWIDTH=80 man cat 2>&1 | grep -o 'CAT(1)' | head -1)"
python3 -c 'import ssl; print("python:", ssl.create_default_context() is not None)'
