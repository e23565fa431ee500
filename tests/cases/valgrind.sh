# Valgrind's tools are static programs that load the layer by themselves: nothing to be told of.
printf '#include <stdio.h>\nint main() {\n  char line[100];\n  FILE* file = fopen("/etc/hostname", "r");\n  return fgets(line, 100, file) ? fputs(line, stdout) == EOF : 1;\n}\n' >read.c
gcc -g -o read read.c
valgrind -q ./read
