// kubeall is kube-apiserver, kube-controller-manager, kube-scheduler, kubelet and kube-proxy in one static program,
// so that a test cluster needs one file. It is the component it is called as, by name (argv[0]) or first argument.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var components = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": manager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 kubelet.NewKubeletCommand,
	"kube-proxy":              proxy.NewProxyCommand,
}

func main() {
	rand.Seed(time.Now().UnixNano())
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if components[name] == nil && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
	}
	create := components[name]
	if create == nil {
		fmt.Fprintln(os.Stderr, "usage: kubeall kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy [FLAG…]")
		os.Exit(2)
	}
	os.Args = append([]string{name}, arguments...)
	command := create()
	pflag.CommandLine.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	pflag.CommandLine.AddGoFlagSet(flag.CommandLine)
	logs.InitLogs()
	defer logs.FlushLogs()
	command.SetArgs(arguments)
	if command.Execute() != nil {
		os.Exit(1)
	}
}
