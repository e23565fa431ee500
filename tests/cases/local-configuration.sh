# What configures the interpreters and tools of this machine is this machine's, though the pod has it, too.
# @pod mkdir -p /etc/ssl /etc/pam.d; echo '# of the pod' | tee /etc/manpath.config /etc/pam.d/runuser >/etc/ssl/openssl.cnf
# @pod for folder in /usr/local/bin /usr/bin /bin /usr/local/sbin /usr/sbin /sbin; do echo "MANPATH_MAP $folder /none"; done >>/etc/manpath.config
# @pod for version in $(ls /usr/lib/php | grep '^[0-9]'); do mkdir -p /etc/php/$version/cli/conf.d; done
# @only-outside
# @right php: curl
# @right man: CAT(1)
# @right of the pod: 0
php -r 'echo "php: ", extension_loaded("curl") ? "curl" : "none", "\n";'
echo "man: $(MANPAGER=cat MANWIDTH=80 man cat 2>&1 | grep -o 'CAT(1)' | head -1)"
echo "of the pod: $(cat /etc/manpath.config /etc/pam.d/runuser /etc/ssl/openssl.cnf | grep -c 'of the pod')"
