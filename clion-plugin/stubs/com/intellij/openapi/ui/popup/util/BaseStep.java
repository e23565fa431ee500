package com.intellij.openapi.ui.popup.util;

import com.intellij.openapi.ui.popup.PopupStep;

public abstract class BaseStep<T> implements PopupStep<T> {
  public PopupStep<?> doFinalStep(Runnable task) {
    throw new AssertionError();
  }

  public boolean isSpeedSearchEnabled() {
    return false;
  }
}
