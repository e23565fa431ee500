// Container ids in real cgroup and mountinfo files of each runtime and driver.
#include "target/cgroup.hpp"

#include <string>

#include "catch.hpp"

using inpod::agent::cgroup_names_container;
using inpod::agent::mounts_name_container;

namespace {
const std::string id = "4f1c2e7a9b3d5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcd";
const std::string other = "4f1c2e7a9b3d5f60718293a4b5c6d7e8f90123456789abcdef0123456789abce";
}  // namespace

TEST_CASE("A container's cgroup is recognised whatever wrote it", "[cgroup]") {
  const std::string texts[] = {
      // docker, v1, cgroupfs
      "12:pids:/docker/" + id + "\n11:memory:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n",
      // docker, v2, systemd
      "0::/system.slice/docker-" + id + ".scope\n",
      // containerd in Kubernetes, v1, cgroupfs
      "9:memory:/kubepods/burstable/pod1b0f2a40-1111-2222-3333-444455556666/" + id + "\n",
      // containerd in Kubernetes, v2, systemd
      "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1b0f2a40_1111.slice/"
      "cri-containerd-" +
          id + ".scope\n",
      // containerd told to use systemd, on a v1 host without it
      "7:cpu,cpuacct:/system.slice/containerd.service/kubepods-burstable-pod1b0f.slice:cri-containerd:" + id +
          "\n",
      // CRI-O, v2, with the cgroup that crun puts below
      "0::/kubepods.slice/kubepods-pod1b0f.slice/crio-" + id + ".scope/container\n",
      // a container that runs systemd
      "0::/system.slice/docker-" + id + ".scope/init.scope\n",
      // podman
      "0::/machine.slice/libpod-" + id + ".scope/container\n",
      // seen from another cgroup namespace
      "0::/../../kubepods/pod1b0f/" + id + "\n",
      // no newline at the end
      "0::/kubepods/pod1b0f/" + id,
  };
  for (const auto& text : texts) {
    CAPTURE(text);
    CHECK(cgroup_names_container(text, id));
    CHECK_FALSE(cgroup_names_container(text, other));
    CHECK_FALSE(cgroup_names_container(text, id.substr(0, 63)));
    CHECK_FALSE(cgroup_names_container(text, id.substr(1)));
  }
}

TEST_CASE("What stands beside a container is not in it", "[cgroup]") {
  CHECK_FALSE(
      cgroup_names_container("0::/kubepods.slice/kubepods-pod1b0f.slice/crio-conmon-" + id + ".scope\n", id));
  CHECK_FALSE(cgroup_names_container("0::/machine.slice/libpod-conmon-" + id + ".scope\n", id));
  CHECK_FALSE(cgroup_names_container("0::/\n", id));
  CHECK_FALSE(cgroup_names_container("", id));
  CHECK_FALSE(cgroup_names_container("0::/docker/" + id + "\n", ""));
  CHECK_FALSE(cgroup_names_container("0::/a/b\n", "a"));
  CHECK_FALSE(cgroup_names_container("0::/docker/x" + id + "\n", id));
  CHECK_FALSE(cgroup_names_container("0::/docker/" + id + "x\n", id));
}

TEST_CASE("A cpuset file holds only the path", "[cgroup]") {
  CHECK(cgroup_names_container("/kubepods/burstable/pod1b0f/" + id + "\n", id));
}

TEST_CASE("Mounts name the container where cgroups are hidden", "[cgroup]") {
  const std::string docker =
      "36 35 98:0 /var/lib/docker/containers/" + id + "/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda rw\n";
  CHECK(mounts_name_container(docker, id));
  CHECK_FALSE(mounts_name_container(docker, other));
  CHECK(mounts_name_container(
      "1 2 0:1 / / rw - overlay overlay rw\n36 35 0:24 /containers/storage/overlay-containers/" + id +
          "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n",
      id));
  // The mount point is the process's own choice: it proves nothing.
  CHECK_FALSE(mounts_name_container("36 35 98:0 /data /mnt/" + id + "/x rw - ext4 /dev/sda rw\n", id));
  CHECK_FALSE(mounts_name_container("36 35\n\n \n", id));
}
