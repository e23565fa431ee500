package com.jetbrains.cidr.lang.toolchains;

public class CidrToolEnvironment {}
