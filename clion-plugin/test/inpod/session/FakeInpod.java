package inpod.session;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/** A shell script in the place of inpod, in a folder of the test's own. */
final class FakeInpod {
  static final String READY = "echo '{\"type\":\"ready\",\"id\":\"a1\",\"target\":\"pod/x\",\"env\":{\"LD_PRELOAD\":\"/l/libinpod.so\","
      + "\"INPOD_SOCKET\":\"/run/s\",\"INPOD_PROGRAM\":\"\",\"COLOR\":\"teal\"},\"unset\":[\"INPOD_ACTIVE\"],\"layer\":\"/l/libinpod.so\",\"socket\":\"/run/s\"}'\n";
  /** Lives until its stdin ends, as the real one. */
  static final String STAY = "cat >/dev/null\n";

  private FakeInpod() {}

  static Inpod in(Path folder, String script) throws IOException {
    Path program = folder.resolve("inpod");
    Files.writeString(program, "#!/bin/sh\necho $$ >pid\necho \"$@\" >arguments\n" + script);
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    return new Inpod(program, folder, Map.of("PATH", "/usr/bin:/bin", "HOME", folder.toString()));
  }

  static long pid(Path folder) throws IOException {
    return Long.parseLong(Files.readString(folder.resolve("pid")).strip());
  }

  static boolean lives(long pid) {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }
}
