/* A static program: prints the first bytes of a file, as this machine has it. Usage: static FILE */
#include <stdio.h>

int main(int count, char** arguments) {
  char line[100] = "";
  FILE* file = count > 1 ? fopen(arguments[1], "r") : NULL;
  if (file && fgets(line, sizeof line, file))
    printf("static: %s", line);
  else
    printf("static: nothing\n");
  return 0;
}
