package inpod.clion;

import com.intellij.notification.NotificationType;
import com.intellij.openapi.actionSystem.ActionUpdateThread;
import com.intellij.openapi.actionSystem.AnAction;
import com.intellij.openapi.actionSystem.AnActionEvent;
import com.intellij.openapi.project.DumbAware;
import com.intellij.openapi.project.Project;

/** Picks the project's default target, in which Run and Debug in Cluster run without asking. */
public final class SelectTargetAction extends AnAction implements DumbAware {
  @Override
  public ActionUpdateThread getActionUpdateThread() {
    return ActionUpdateThread.BGT;
  }

  @Override
  public void update(AnActionEvent event) {
    event.getPresentation().setEnabled(event.getProject() != null);
  }

  @Override
  public void actionPerformed(AnActionEvent event) {
    Project project = event.getProject();
    if (project == null) return;
    Launcher.choose(project, "Default Cluster Target", target -> {
      ProjectSettings.of(project).state().target = target.name().isEmpty() ? "" : target.key();
      Notices.show(project, NotificationType.INFORMATION, "Run in Cluster",
          target.name().isEmpty() ? "No default target: Run in Cluster asks." : "Run in Cluster now runs in " + target.key() + ".");
    });
  }
}
