package inpod.session;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The processes that run a program, seen through proc(5), and whether the layer is in them. A debugger may stand between the IDE and
 * the program, so the program is looked for by its file, not by whose child it is.
 */
final class ProgramProcesses {
  private static final Path PROC = Path.of("/proc");
  /** getauxval(3): where the loader was mapped, and whether it ignores LD_PRELOAD. */
  private static final long AT_BASE = 7, AT_SECURE = 23;

  private final Path program;
  private final String layer, socket;
  private final Instant since;

  /** @param since what runs the program longer is someone else's */
  ProgramProcesses(Path program, String layer, String socket, Instant since) {
    this.program = program;
    this.layer = layer;
    this.socket = socket;
    this.since = since;
  }

  /** Pids of the program that came since, and that this IDE has started or that have the session's environment. */
  Set<Long> ours() {
    Set<Long> found = running();
    found.removeIf(pid -> !hasSocket(pid) && (!isDescendant(pid) || isOlder(pid)));
    return found;
  }

  /** Whether the session's environment has reached the process. */
  boolean hasSocket(long pid) {
    String environment = read(pid, "environ");
    return ("\0" + environment).contains("\0" + Overlay.SOCKET + "=" + socket + "\0");
  }

  /** Why the layer will never be at work in the process; empty while that is not known, or it is. */
  Optional<String> defect(long pid) {
    byte[] entries = readBytes(pid, "auxv");
    if (entries.length >= 16) {
      ByteBuffer auxiliary = ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder());
      boolean loader = false;
      while (auxiliary.remaining() >= 16) {
        long type = auxiliary.getLong(), value = auxiliary.getLong();
        if (type == AT_SECURE && value != 0) return Optional.of("the program gains rights when it starts, so the loader ignores LD_PRELOAD");
        if (type == AT_BASE && value != 0) loader = true;
      }
      if (!loader) return Optional.of("the program is static, so the layer can't be loaded into it");
    }
    String maps = read(pid, "maps");
    // The loader maps preloaded libraries before libc.
    if (maps.contains("/libc.so.6") && !maps.contains(layer)) {
      return Optional.of(hasSocket(pid) ? "the loader did not load the layer, " + layer
          : "the run configuration's environment did not reach the program");
    }
    return Optional.empty();
  }

  private Set<Long> running() {
    Set<Long> found = new HashSet<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : processes) {
        try {
          if (Files.readSymbolicLink(process.resolve("exe")).equals(program)) found.add(Long.valueOf(process.getFileName().toString()));
        } catch (IOException | NumberFormatException notOurs) {
          // Another user's, or gone.
        }
      }
    } catch (IOException noProc) {
      return found;
    }
    return found;
  }

  private static boolean isDescendant(long pid) {
    long self = ProcessHandle.current().pid();
    Optional<ProcessHandle> process = ProcessHandle.of(pid);
    for (int depth = 0; process.isPresent() && depth < 64; ++depth) {
      if (process.get().pid() == self) return true;
      process = process.get().parent();
    }
    return false;
  }

  /** The kernel tells the time of its boot in whole seconds, so one of them is doubtful. */
  private boolean isOlder(long pid) {
    return ProcessHandle.of(pid).flatMap(process -> process.info().startInstant()).map(at -> at.isBefore(since.minusSeconds(1))).orElse(true);
  }

  private static String read(long pid, String name) {
    return new String(readBytes(pid, name), StandardCharsets.ISO_8859_1);
  }

  private static byte[] readBytes(long pid, String name) {
    try {
      return Files.readAllBytes(PROC.resolve(Long.toString(pid)).resolve(name));
    } catch (IOException gone) {
      return new byte[0];
    }
  }
}
