package inpod.clion;

import com.intellij.execution.Executor;
import com.intellij.execution.RunManager;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.openapi.actionSystem.ActionUpdateThread;
import com.intellij.openapi.actionSystem.AnAction;
import com.intellij.openapi.actionSystem.AnActionEvent;
import com.intellij.openapi.project.DumbAware;
import com.intellij.openapi.project.Project;

/** What Run in Cluster and Debug in Cluster share: they start the selected configuration. */
abstract class LaunchAction extends AnAction implements DumbAware {
  private final String verb;

  LaunchAction(String verb) {
    this.verb = verb;
  }

  abstract Executor executor();

  @Override
  public ActionUpdateThread getActionUpdateThread() {
    return ActionUpdateThread.BGT;
  }

  @Override
  public void update(AnActionEvent event) {
    RunnerAndConfigurationSettings settings = selected(event.getProject());
    event.getPresentation().setEnabled(settings != null);
    event.getPresentation().setText(settings == null ? verb + " in Cluster" : verb + " '" + settings.getName() + "' in Cluster");
  }

  @Override
  public void actionPerformed(AnActionEvent event) {
    Project project = event.getProject();
    RunnerAndConfigurationSettings settings = selected(project);
    if (settings != null) new Launcher(project, executor(), verb, settings).start();
  }

  private static RunnerAndConfigurationSettings selected(Project project) {
    return project == null || project.isDisposed() ? null : RunManager.getInstance(project).getSelectedConfiguration();
  }
}
