#!/busybox/sh
# The guest's first process: loads the modules, mounts what it is told to, runs the script, powers off.
# /guest/plan is made for each run and sets TOKEN, DISK, MOUNTS (lines of "directory options") and ENVIRONMENT.
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/busybox HOME=/root LANG=C.UTF-8 TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ln -sf /proc/self/fd /dev/fd
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp && chmod 1777 /tmp

. /guest/plan

for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up

code=0
if [ "$DISK" = yes ]; then
  for module in /disk-modules/*.ko; do insmod "$module"; done
  mkdir -p /disk && mount -t ext4 /dev/vda /disk || code=125
fi

echo "$TOKEN begin"
# A pipe would put the loop into a process of its own, and lose the code.
while read -r directory options; do
  [ -n "$directory" ] || continue
  mkdir -p "$directory"
  mount -t 9p -o "$options" 10.0.2.2 "$directory" || { echo "mount of $directory failed"; dmesg | tail -n 5; code=125; }
done <<MOUNTS_END
$MOUNTS
MOUNTS_END

if [ "$code" = 0 ]; then
  cd /guest && /usr/bin/sh /guest/script </dev/null 2>&1
  code=$?
  cd /
  while read -r directory options; do
    [ -n "$directory" ] || continue
    umount "$directory" || { echo "umount of $directory failed"; [ "$code" != 0 ] || code=125; }
  done <<MOUNTS_END
$MOUNTS
MOUNTS_END
fi
echo "$TOKEN end $code"

# What the kernel complained of is worth a look when something failed.
[ "$code" = 0 ] || dmesg | grep -iE '9p|bug|warn|oops|hung' | tail -n 20
sync
poweroff -f
