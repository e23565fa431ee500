package com.jetbrains.cidr.execution;

public class ConfigurationExtensionContext {}
