package inpod.clion;

import com.intellij.notification.Notification;
import com.intellij.notification.NotificationAction;
import com.intellij.notification.NotificationGroupManager;
import com.intellij.notification.NotificationType;
import com.intellij.openapi.options.ShowSettingsUtil;
import com.intellij.openapi.project.Project;
import inpod.session.InpodException;

/** Notifications, never dialogs. Their text comes from the cluster and from programs, so it is escaped. Any thread. */
final class Notices {
  private Notices() {}

  static void error(Project project, String title, InpodException error) {
    show(project, NotificationType.ERROR, title, text(error));
  }

  static void show(Project project, NotificationType type, String title, String text, NotificationAction... actions) {
    if (project.isDisposed()) return;
    Notification notification = NotificationGroupManager.getInstance().getNotificationGroup("inpod")
        .createNotification(escaped(title), escaped(text), type);
    for (NotificationAction action : actions) notification.addAction(action);
    if (type != NotificationType.INFORMATION) {
      notification.addAction(NotificationAction.createSimpleExpiring("Settings…",
          () -> ShowSettingsUtil.getInstance().showSettingsDialog(project, SettingsPage.NAME)));
    }
    notification.notify(project);
  }

  static String text(InpodException error) {
    return error.remedy().isEmpty() ? error.getMessage() : error.getMessage() + ".\n" + error.remedy() + ".";
  }

  static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>");
  }
}
