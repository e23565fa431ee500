package inpod.session;

import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * Fail closed: watches a launch until the layer is at work in the program, or it is clear that it won't be. Only as long as no
 * process of the program is there (a debugger reads symbols) does it wait without a bound of its own; nothing runs then, and it
 * ends with the launch.
 */
public final class LaunchWatch {
  /** From a process's first sight to the handshake. The handshake comes before main; this is for machines under load. */
  private static final long HANDSHAKE_NANOS = TimeUnit.SECONDS.toNanos(20);
  /** A process of the program without the session's environment may be another launch's; ours would have answered by now. */
  private static final long STRANGER_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long END_MILLIS = 1000;

  private final SessionClient session;
  private final ProgramProcesses processes;
  private final Path program;
  private final Map<Long, Long> firstSeen = new HashMap<>();

  /** @param since a moment before the program was started */
  public LaunchWatch(SessionClient session, Path program, Instant since) {
    this.session = session;
    this.program = program;
    processes = new ProgramProcesses(program, session.ready().layer(), session.ready().socket(), since);
  }

  /**
   * Waits. Returns when the layer is at work; throws with the reason when it will not be.
   *
   * @param over whether the launched process (the program, or its debugger) has ended
   */
  public void await(BooleanSupplier over) throws InpodException {
    while (true) {
      boolean ended = over.getAsBoolean();
      if (shookHands(ended ? END_MILLIS : 50)) return;
      if (ended) {
        throw new InpodException(program.getFileName() + " has ended without loading inpod's layer; what it did was not in the pod",
            "Its own messages may say why. `inpod check` tests the layer with a trivial program");
      }
      judge(System.nanoTime());
    }
  }

  private boolean shookHands(long millis) throws InpodException {
    CompletableFuture<Long> handshake = session.handshake();
    try {
      handshake.get(millis, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException notYet) {
      if (!session.isOpen()) throw new InpodException("the session has ended", "Launch again");
      return false;
    } catch (ExecutionException | InterruptedException stopped) {
      throw new InpodException.Cancelled();
    }
  }

  private void judge(long now) throws InpodException {
    for (long pid : processes.ours()) {
      long age = now - firstSeen.computeIfAbsent(pid, unknown -> now);
      boolean stranger = !processes.hasSocket(pid);
      if (stranger && age < STRANGER_NANOS) continue;
      Optional<String> defect = processes.defect(pid);
      if (session.handshake().isDone()) return;
      if (defect.isPresent()) {
        throw new InpodException(program.getFileName() + " was stopped: " + defect.get(),
            "A static, musl or set-user-ID program can't be moved. `inpod check` tests the layer with a trivial program");
      }
      if (age > HANDSHAKE_NANOS) {
        throw new InpodException(program.getFileName() + " was stopped: it runs, but never loaded inpod's layer",
            "`inpod check` tests the layer with a trivial program");
      }
    }
  }
}
