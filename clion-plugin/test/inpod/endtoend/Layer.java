package inpod.endtoend;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether libinpod.so is mapped into a process. */
final class Layer {
  private Layer() {}

  static boolean isIn(long pid) throws IOException {
    return new String(Files.readAllBytes(Path.of("/proc", Long.toString(pid), "maps")), StandardCharsets.ISO_8859_1).contains("/libinpod.so");
  }
}
