package inpod.endtoend;

import java.util.concurrent.TimeUnit;

/** Waits for a process that has been asked to end, and kills it when it does not. */
final class Ends {
  private Ends() {}

  static void bounded(Process process) {
    try {
      if (process.waitFor(20, TimeUnit.SECONDS)) return;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    process.destroyForcibly();
  }
}
