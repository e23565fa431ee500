# The programs that make other users of their children. The pod has no /etc/pam.d for runuser and su.
# @root
# @only-outside
# @right setpriv --reuid 65534 --regid 65534 --clear-groups
# @right web-5d8f
# @right 65534
# @right web-5d8f
# @right web-5d8f
# @right runuser -u nobody --
# @right web-5d8f
# @right 65534
# @right web-5d8f
# @right web-5d8f
# @right chroot --userspec=65534 /
# @right web-5d8f
# @right 65534
# @right web-5d8f
# @right web-5d8f
# @right 65534
# @right web-5d8f
for become in "setpriv --reuid 65534 --regid 65534 --clear-groups" "runuser -u nobody --" "chroot --userspec=65534 /"; do
  echo "$become"
  $become cat /etc/hostname
  $become sh -c 'id -u; cat /etc/hostname; (sleep 0; cat /etc/hostname) & wait'
done
su -s /bin/sh nobody -c 'id -u; cat /etc/hostname'
