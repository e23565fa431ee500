package inpod.session;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Drains a stream in a thread of its own and keeps its last bytes, for error messages. */
final class Tail {
  private static final int KEPT = 4096;
  private final StringBuilder text = new StringBuilder();
  private final Thread thread;

  Tail(InputStream input, String name) {
    thread = new Thread(() -> drain(input), name);
    thread.setDaemon(true);
    thread.start();
  }

  private void drain(InputStream input) {
    byte[] block = new byte[4096];
    try (input) {
      for (int got = input.read(block); got > 0; got = input.read(block)) {
        synchronized (text) {
          text.append(new String(block, 0, got, StandardCharsets.UTF_8));
          if (text.length() > KEPT) text.delete(0, text.length() - KEPT);
        }
      }
    } catch (IOException closed) {
      // Ends with the process.
    }
  }

  /** What came so far; waits a moment for the end, as the process has gone. */
  String text() {
    try {
      thread.join(500);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    synchronized (text) {
      return text.toString().strip();
    }
  }
}
