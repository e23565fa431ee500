// Finding programs and judging whether the layer can be loaded into them, on real files.
#include "session/program.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "catch.hpp"

using namespace inpod;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/inpod-program-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0755) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    chmod(path.c_str(), mode);
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const std::string search = "/nowhere:/usr/bin:/bin";

/// An ELF file with this interpreter ("" for none).
std::string elf(const std::string& interpreter, std::uint16_t machine = 0, unsigned char bits = ELFCLASS64) {
  Elf64_Ehdr self{};
  std::ifstream("/proc/self/exe", std::ios::binary).read(reinterpret_cast<char*>(&self), sizeof self);
  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, 4);
  header.e_ident[EI_CLASS] = bits;
  header.e_machine = machine == 0 ? self.e_machine : machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = interpreter.empty() ? 0 : 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_INTERP;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = interpreter.size() + 1;
  std::string file(reinterpret_cast<char*>(&header), sizeof header);
  if (!interpreter.empty())
    file.append(reinterpret_cast<char*>(&segment), sizeof segment)
        .append(interpreter.c_str(), interpreter.size() + 1);
  return file;
}

std::string error_of(const std::string& path) {
  const auto program = inspect_program(path, search, true);
  return program ? "no error" : program.error().to_string();
}

}  // namespace

TEST_CASE("programs are found as a shell finds them") {
  const Folder folder;
  const auto tool = folder.write("tööl 1", "#!/bin/sh\n");
  folder.write("plain", "", 0644);
  CHECK(find_program("tööl 1", "/nowhere:" + folder.path()).value() == tool);
  CHECK(find_program(tool, "").value() == tool);
  CHECK(find_program("no-such-tool", search).error().code == ENOENT);
  CHECK(find_program("/no/such", search).error().code == ENOENT);
  CHECK(find_program("", search).error().code == ENOENT);
  CHECK(find_program("plain", folder.path()).error().code == EACCES);
  CHECK(find_program(folder.path(), search).error().code == EACCES);  // a directory
}

TEST_CASE("a relative path becomes absolute, links are resolved for the executable only") {
  const Folder folder;
  std::filesystem::create_symlink("/bin/cat", folder.path() + "/link");
  const auto program = inspect_program(folder.path() + "/link", search, true);
  REQUIRE(program);
  CHECK(program->path == folder.path() + "/link");
  CHECK(program->executable == std::filesystem::canonical("/bin/cat"));
}

TEST_CASE("a script's interpreter is what gets injected") {
  const Folder folder;
  const auto script = folder.write("script", "#! /bin/sh -e\necho\n");
  CHECK(inspect_program(script, search, true)->executable == std::filesystem::canonical("/bin/sh"));
  CHECK(inspect_program(script, search, true)->path == script);
  const auto nested = folder.write("nested", "#!" + script + "\n");
  CHECK(inspect_program(nested, search, true)->executable == std::filesystem::canonical("/bin/sh"));
  const auto env = folder.write("env", "#!/usr/bin/env sh\n");
  CHECK(inspect_program(env, search, true)->executable == std::filesystem::canonical("/usr/bin/env"));
  CHECK(error_of(folder.write("lost", "#!/usr/bin/env no-such-thing\n"))
            .find("no-such-thing: not found in PATH") != std::string::npos);
  for (const char* line :
       {"-S -u NAME sh", "-S -uNAME A=b sh -e", "-iu NAME sh", "-S --unset=NAME --chdir /tmp sh", "-Ssh -e",
        "-vS -i - sh", "--split-string=sh -e"}) {
    INFO(line);
    const std::string words(line), lost(words.substr(0, words.find("sh")) + "no-such-thing");
    CHECK(error_of(folder.write("options", "#!/usr/bin/env " + words + "\n")) == "no error");
    CHECK(error_of(folder.write("options", "#!/usr/bin/env " + lost + "\n"))
              .find("no-such-thing: not found in PATH") != std::string::npos);
  }
  CHECK(error_of(folder.write("empty", "#!\n")).find("names no interpreter") != std::string::npos);
  const auto loop = folder.path() + "/loop";
  folder.write("loop", "#!" + loop + "\n");
  CHECK(error_of(loop).find("more than four #! lines") != std::string::npos);
}

TEST_CASE("what can't be injected is refused by name") {
  const Folder folder;
  const std::string glibc = "needs a program that is dynamically linked with glibc";
  const auto refused = [&](const std::string& content, const std::string& word) {
    const auto error = error_of(folder.write("program", content));
    INFO(error);
    CHECK(error.find(word) != std::string::npos);
  };
  CHECK(error_of(folder.write("good", elf("/lib64/ld-linux-x86-64.so.2"))) == "no error");
  refused(elf(""), "a static program\n  inpod loads its layer by LD_PRELOAD, which " + glibc);
  refused(elf("/lib/ld-musl-x86_64.so.1"), "a musl program");
  refused(elf("/system/bin/linker64"), "its loader, /system/bin/linker64, is not glibc's");
  refused(elf("/lib64/ld-linux-x86-64.so.2", EM_S390), "another kind of machine");
  refused(elf("/lib/ld-linux.so.2", 0, ELFCLASS32), "another kind of machine");
  refused("just text", "neither an ELF program nor a script");
  refused("", "neither an ELF program nor a script");
  refused(elf("").substr(0, 40), "cut off");
  std::string damaged = elf("");
  damaged[offsetof(Elf64_Ehdr, e_phentsize)] = 1;
  refused(damaged, "damaged");
  std::string far = elf("/lib64/ld-linux-x86-64.so.2");
  far[offsetof(Elf64_Ehdr, e_phoff) + 6] = 0x7f;  // beyond any file
  CHECK(error_of(folder.write("far", far)) != "no error");
}

TEST_CASE("Go is known by its linker's note, however the file is damaged") {
  const Folder folder;
  const auto with_note = [&](const std::string& note, std::uint64_t claimed) {
    std::string file = elf("/lib64/ld-linux-x86-64.so.2");
    Elf64_Phdr segment{};
    segment.p_type = PT_NOTE;
    segment.p_offset = 4096;
    segment.p_filesz = claimed;
    Elf64_Ehdr header;
    memcpy(&header, file.data(), sizeof header);
    header.e_phnum = 2;
    memcpy(file.data(), &header, sizeof header);
    file.insert(sizeof header + sizeof(Elf64_Phdr), reinterpret_cast<const char*>(&segment), sizeof segment);
    Elf64_Phdr first;
    memcpy(&first, file.data() + sizeof header, sizeof first);
    first.p_offset += sizeof segment;
    memcpy(file.data() + sizeof header, &first, sizeof first);
    file.resize(4096);
    return error_of(folder.write("program", file + note));
  };
  const auto note = [](const std::string& owner, std::uint32_t type, std::uint32_t description) {
    const std::uint32_t numbers[] = {static_cast<std::uint32_t>(owner.size()), description, type};
    return std::string(reinterpret_cast<const char*>(numbers), sizeof numbers) + owner;
  };
  const std::string gnu = note(std::string("GNU\0", 4), 3, 5) + std::string(8, 'x'),
                    go = note(std::string("Go\0\0", 4), 4, 0);
  CHECK(with_note(go, go.size()).find("a Go program") != std::string::npos);
  CHECK(with_note(gnu + go, (gnu + go).size()).find("a Go program") != std::string::npos);
  CHECK(with_note(gnu, gnu.size()) == "no error");
  CHECK(with_note(gnu + go, gnu.size()) == "no error");
  CHECK(with_note(go, ~std::uint64_t{0}).find("a Go program") != std::string::npos);
  CHECK(with_note(note(std::string("Go\0\0", 4), 3, 0), 16) == "no error");
  const std::string endless = note("", 1, 0xffffffff),
                    nameless = std::string(4, '\xff') + std::string(8, '\0');
  CHECK(with_note(endless + go, 4096) == "no error");
  CHECK(with_note(nameless + go, 4096) == "no error");
  CHECK(with_note("", 4096) == "no error");
}

TEST_CASE("programs that gain rights are refused") {
  if (geteuid() != 0) return;  // only root can make a file of another owner
  const Folder folder;
  const auto path = folder.write("suid", elf("/lib64/ld-linux-x86-64.so.2"));
  REQUIRE(chown(path.c_str(), 12345, 12345) == 0);
  chmod(path.c_str(), 04755);
  CHECK(error_of(path).find("set-user-ID") != std::string::npos);
  chmod(path.c_str(), 02755);
  CHECK(error_of(path).find("set-group-ID") != std::string::npos);
}

TEST_CASE("words are quoted for a shell, and versions read from names") {
  CHECK(shell_quoted("A=b c") == "'A=b c'");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
  CHECK(version_suffix("lldb-dap-19", "lldb-dap-") == 19);
  CHECK_FALSE(version_suffix("lldb-dap-", "lldb-dap-"));
  CHECK_FALSE(version_suffix("lldb-dap-x1", "lldb-dap-"));
  CHECK_FALSE(version_suffix("gdb", "gdb-"));
}
