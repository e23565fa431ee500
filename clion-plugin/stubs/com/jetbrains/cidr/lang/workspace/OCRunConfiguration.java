package com.jetbrains.cidr.lang.workspace;

import com.intellij.execution.configurations.RunConfigurationBase;

public abstract class OCRunConfiguration<B, T> extends RunConfigurationBase<Object> {}
