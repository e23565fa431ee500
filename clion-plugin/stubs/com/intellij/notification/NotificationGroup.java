package com.intellij.notification;

public final class NotificationGroup {
  public Notification createNotification(String title, String content, NotificationType type) {
    throw new AssertionError();
  }
}
