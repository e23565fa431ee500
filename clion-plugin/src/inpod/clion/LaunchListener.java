package inpod.clion;

import com.intellij.execution.ExecutionListener;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.openapi.application.ApplicationManager;
import com.intellij.openapi.project.Project;
import inpod.session.InpodException;

/** The life of marked launches: guarded when the process starts, their session ended when it ends or never began. */
public final class LaunchListener implements ExecutionListener {
  private final Project project;

  public LaunchListener(Project project) {
    this.project = project;
  }

  @Override
  public void processStarted(String executorId, ExecutionEnvironment environment, ProcessHandler handler) {
    Launch launch = Launch.of(environment.getRunProfile());
    if (launch == null) return;
    ApplicationManager.getApplication().executeOnPooledThread(() -> {
      try {
        Guard.await(launch, handler);
      } catch (InpodException.Cancelled stopped) {
        launch.end();
      } catch (InpodException failed) {
        launch.end();
        Notices.error(project, environment.getRunProfile().getName() + " did not run in the cluster", failed);
      }
    });
  }

  @Override
  public void processNotStarted(String executorId, ExecutionEnvironment environment) {
    end(environment);
  }

  @Override
  public void processTerminated(String executorId, ExecutionEnvironment environment, ProcessHandler handler, int exitCode) {
    end(environment);
  }

  private static void end(ExecutionEnvironment environment) {
    Launch launch = Launch.of(environment.getRunProfile());
    if (launch != null) ApplicationManager.getApplication().executeOnPooledThread(launch::end);
  }
}
