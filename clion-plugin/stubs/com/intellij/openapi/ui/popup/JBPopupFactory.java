package com.intellij.openapi.ui.popup;

public abstract class JBPopupFactory {
  public static JBPopupFactory getInstance() {
    throw new AssertionError();
  }

  public abstract ListPopup createListPopup(ListPopupStep step);
}
