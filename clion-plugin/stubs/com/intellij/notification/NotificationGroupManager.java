package com.intellij.notification;

public interface NotificationGroupManager {
  static NotificationGroupManager getInstance() {
    throw new AssertionError();
  }

  NotificationGroup getNotificationGroup(String id);
}
