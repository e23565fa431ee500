# A Go program that a program starts is on this machine as a whole, though with cgo a part of it calls libc;
# also where the linker left no build id. What it starts is in the pod again.
# @build printf 'package main\n/*\n#include <unistd.h>\n*/\nimport "C"\nimport ("fmt"; "os"; "os/exec")\nfunc main() {\n  var name [100]C.char\n  C.gethostname(&name[0], 100)\n  own, _ := os.Hostname()\n  fmt.Println("one side:", own == C.GoString(&name[0]))\n  out, _ := exec.Command("cat", "/etc/hostname").Output()\n  fmt.Print(string(out))\n}\n' >child.go
# @build GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off CGO_ENABLED=1 go build -o with-id child.go
# @build GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off CGO_ENABLED=1 go build -ldflags '-linkmode external -buildid=' -o without-id child.go
# @only-outside
# @right one side: true
# @right web-5d8f
# @right one side: true
# @right web-5d8f
# @stderr with-id: a Go program, in which [^\n]*\n[^\n]*without-id: a Go program, in which
./with-id
./without-id
