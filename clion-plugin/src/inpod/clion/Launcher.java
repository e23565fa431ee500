package inpod.clion;

import com.intellij.execution.ExecutionManager;
import com.intellij.execution.Executor;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.runners.ExecutionEnvironmentBuilder;
import com.intellij.notification.NotificationAction;
import com.intellij.notification.NotificationType;
import com.intellij.openapi.application.ApplicationManager;
import com.intellij.openapi.diagnostic.Logger;
import com.intellij.openapi.progress.ProgressIndicator;
import com.intellij.openapi.progress.Task;
import com.intellij.openapi.project.Project;
import com.intellij.util.EnvironmentUtil;
import inpod.session.Inpod;
import inpod.session.InpodException;
import inpod.session.SessionClient;
import inpod.session.Target;
import inpod.session.Targets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * From the button to the running process: the list of targets and the session in background tasks that can be cancelled, and only the
 * hand-over to the IDE's own execution on the UI thread.
 */
final class Launcher {
  private static final Duration LIST_BOUND = Duration.ofSeconds(30), SILENCE = Duration.ofMinutes(2);
  private static final Logger LOG = Logger.getInstance(Launcher.class);

  private final Project project;
  private final Executor executor;
  private final String verb;
  private final RunnerAndConfigurationSettings settings;

  Launcher(Project project, Executor executor, String verb, RunnerAndConfigurationSettings settings) {
    this.project = project;
    this.executor = executor;
    this.verb = verb;
    this.settings = settings;
  }

  /** Where it runs: the default target of the settings, else what the user picks. */
  void start() {
    String target = ProjectSettings.of(project).state().target.strip();
    if (target.isEmpty()) {
      choose(project, verb + " in Cluster: " + settings.getName(), this::run);
    } else {
      run(Target.ofKey(target));
    }
  }

  /** A popup of targets, recent ones on top; Escape leaves everything as it is. */
  static void choose(Project project, String title, java.util.function.Consumer<Target> chosen) {
    ProjectSettings.State state = ProjectSettings.of(project).state();
    background(project, "Listing what the cluster has", (inpod, indicator) -> {
      List<Target> targets = Targets.list(inpod, state.namespace, LIST_BOUND, indicator::isCanceled);
      List<Target> ordered = Target.recentFirst(targets, state.recent);
      Target configured = Target.ofConfig(inpod.directory());
      if (configured != null) ordered.add(0, configured);
      if (ordered.isEmpty()) {
        throw new InpodException("There is nothing to target" + (state.namespace.isBlank() ? "" : " in namespace " + state.namespace),
            "Give another namespace in Settings | Tools | inpod");
      }
      later(() -> TargetPopup.show(project, title, ordered, target -> {
        if (!target.name().isEmpty()) state.recent = Target.remember(state.recent, target.key());
        chosen.accept(target);
      }));
    });
  }

  private void run(Target target) {
    background(project, verb + " in Cluster: starting a session in " + target, (inpod, indicator) -> {
      SessionClient session = SessionClient.start(inpod, target, List.of(), SILENCE, listener(indicator), indicator::isCanceled);
      Launch launch = new Launch(session);
      later(() -> execute(launch, inpod.environment()));
    });
  }

  private SessionClient.Listener listener(ProgressIndicator indicator) {
    return new SessionClient.Listener() {
      @Override
      public void progress(String text) {
        indicator.setText(text);
      }

      @Override
      public void note(String severity, String text) {
        if (severity.equals("info")) return;
        Notices.show(project, severity.equals("error") ? NotificationType.ERROR : NotificationType.WARNING, settings.getName(), text);
      }

      @Override
      public void ended(String text, String remedy) {
        Notices.show(project, NotificationType.ERROR, "The cluster session of " + settings.getName() + " has ended",
            Notices.text(new InpodException(text, remedy)), again());
      }
    };
  }

  private NotificationAction again() {
    return NotificationAction.createSimpleExpiring(verb + " in cluster again", this::start);
  }

  /** On the UI thread, as the IDE wants it. From here on the listeners see to the session's end. */
  private void execute(Launch launch, Map<String, String> parent) {
    try {
      var builder = project.isDisposed() ? null : ExecutionEnvironmentBuilder.createOrNull(executor, settings);
      if (builder == null) throw new InpodException("The IDE knows no way to " + verb.toLowerCase() + " this configuration", "");
      var copy = launch.mark(settings.getConfiguration(), parent);
      ExecutionManager.getInstance(project).restartRunProfile(builder.runProfile(copy).activeTarget().build());
    } catch (InpodException | RuntimeException | LinkageError error) {
      ApplicationManager.getApplication().executeOnPooledThread(launch::end);
      fail(error);
    }
  }

  private void fail(Throwable error) {
    LOG.warn(error);
    Notices.show(project, NotificationType.ERROR, settings.getName() + " was not started",
        error instanceof InpodException known ? Notices.text(known) : String.valueOf(error), again());
  }

  private interface Work {
    void run(Inpod inpod, ProgressIndicator indicator) throws InpodException;
  }

  private static void background(Project project, String title, Work work) {
    new Task.Backgroundable(project, title, true) {
      @Override
      public void run(ProgressIndicator indicator) {
        indicator.setIndeterminate(true);
        try {
          work.run(inpod(project), indicator);
        } catch (InpodException.Cancelled cancelled) {
          LOG.info("cancelled: " + title);
        } catch (InpodException failed) {
          Notices.error(project, title, failed);
        }
      }
    }.queue();
  }

  private static Inpod inpod(Project project) throws InpodException {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      throw new InpodException("inpod runs programs on Linux; this IDE runs on " + System.getProperty("os.name"),
          "Use CLion on Linux, or JetBrains Gateway to a Linux machine");
    }
    Map<String, String> environment = EnvironmentUtil.getEnvironmentMap();
    String directory = project.getBasePath();
    return new Inpod(Inpod.find(AppSettings.instance().state().path, environment), Path.of(directory == null ? "/" : directory), environment);
  }

  private static void later(Runnable task) {
    ApplicationManager.getApplication().invokeLater(task);
  }
}
