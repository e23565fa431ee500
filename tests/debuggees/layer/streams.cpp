// Reads the tree DIR through stdio and iostreams. Usage: streams DIR
#include <fcntl.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include <fstream>
#include <iterator>

#include "report.hpp"

static std::string dir;

static FILE* open_stream(const char* name, const char* mode = "r") {
  return fopen((dir + "/" + name).c_str(), mode);
}

static void whole(FILE* stream, const char* what) {
  std::string all;
  char buffer[3000];
  std::size_t got;
  while ((got = fread(buffer, 1, sizeof buffer, stream)) > 0) all.append(buffer, got);
  report_bytes(what, all.data(), static_cast<long>(all.size()));
  report("at the end", feof(stream) != 0);
  report("an error", ferror(stream) != 0);
}

int main(int, char** arguments) {
  dir = arguments[1];
  FILE* stream = open_stream("small.txt");
  report("fopen", stream ? 0 : -1);
  if (!stream) return 1;
  char* line = nullptr;
  std::size_t room = 0;
  long length;
  while ((length = getline(&line, &room, stream)) > 0)
    report("line", std::string(line, static_cast<std::size_t>(length - 1)));
  report("ftell", ftell(stream));
  report("fseek", fseek(stream, 5, SEEK_SET));
  report("getc", getc(stream));
  report("ungetc", ungetc('Z', stream));
  report("getc", getc(stream));
  report("fseek from the end", fseek(stream, -4, SEEK_END));
  report("ftell", ftell(stream));
  rewind(stream);
  char word[100] = "";
  report("fscanf", fscanf(stream, "%99s", word));
  report("word", std::string(word));
  struct stat stat;
  report("fstat of fileno", fstat(fileno(stream), &stat));
  report("size", stat.st_size);
  report("fputs", fputs("x", stream));
  report("fclose", fclose(stream));

  stream = open_stream("big.bin", "rb");
  setvbuf(stream, nullptr, _IOFBF, 1 << 16);
  whole(stream, "big.bin");
  fclose(stream);
  stream = open_stream("empty", "re");
  report("close-on-exec", fcntl(fileno(stream), F_GETFD));
  whole(stream, "empty");
  fclose(stream);
  report("fopen missing", open_stream("missing") ? 0 : -1);
  report("fopen of a bad mode", open_stream("small.txt", "q") ? 0 : -1);
  stream = open_stream("sub");
  if (stream)
    report("getc of a directory", getc(stream) == EOF ? -1 : 0), fclose(stream);
  else
    report("fopen of a directory", -1);

  const int fd = open((dir + "/small.txt").c_str(), O_RDONLY);
  report("seek", lseek(fd, 3, SEEK_SET));
  stream = fdopen(fd, "r");
  whole(stream, "fdopen");
  report("fileno is the descriptor", fileno(stream) == fd);
  report("fdopen to write", fdopen(fd, "w") ? 0 : -1);
  fclose(stream);
  report("the descriptor is closed", fcntl(fd, F_GETFD));

  stream = fopen("/dev/null", "r");
  FILE* same = freopen((dir + "/small.txt").c_str(), "r", stream);
  report("freopen", same == stream);
  whole(stream, "freopen");
  report("fstat", fstat(fileno(stream), &stat));
  report("size", stat.st_size);
  report("freopen back", freopen("/dev/null", "r", stream) == stream);
  report("getc", getc(stream) == EOF);
  fclose(stream);
  stream = fopen("/dev/null", "r");
  report("freopen missing", freopen((dir + "/missing").c_str(), "r", stream) ? 0 : -1);

  report("stdin", freopen((dir + "/small.txt").c_str(), "r", stdin) == stdin);
  report("fgets", std::string(fgets(word, sizeof word, stdin) ? word : "null"));
  report("stdin's descriptor", fileno(stdin));

  std::ifstream file(dir + "/middle.bin", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  report_bytes("ifstream", bytes.data(), static_cast<long>(bytes.size()));
  file.clear();
  file.seekg(1000);
  char some[16];
  file.read(some, sizeof some);
  report_bytes("seekg", some, file.gcount());
  std::ifstream none(dir + "/missing");
  report("ifstream of nothing", none.is_open());
  std::wifstream wide(dir + "/small.txt");
  std::wstring text;
  std::getline(wide, text);
  report("wifstream", static_cast<long>(text.size()));
  free(line);
  return 0;
}
