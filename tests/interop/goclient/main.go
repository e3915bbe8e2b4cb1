// Goclient judges a 9P2000 server through the client library of the Plan 9 community, 9fans.net/go: it prints a
// line for each check and exits with 1 when one failed.
//
//	goclient -addr 'tcp!127.0.0.1!5640' -user root -folder /data
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"9fans.net/go/plan9"
	"9fans.net/go/plan9/client"
)

// Each check has a folder of its own, named after it, and a connection that it shares with the others.
type check struct {
	name string
	run  func(t *tree)
}

var checks = []check{
	{"create-write-read", createWriteRead},
	{"offsets", offsets},
	{"open-modes", openModes},
	{"truncate", truncate},
	{"append-only", appendOnly},
	{"big-file", bigFile},
	{"stat", stat},
	{"wstat-rename", wstatRename},
	{"wstat-chmod", wstatChmod},
	{"wstat-length", wstatLength},
	{"wstat-times", wstatTimes},
	{"wstat-nothing", wstatNothing},
	{"wstat-refused", wstatRefused},
	{"remove", remove},
	{"remove-on-close", removeOnClose},
	{"renamed-while-open", renamedWhileOpen},
	{"removed-while-open", removedWhileOpen},
	{"folder-of-1000", folderOf1000},
	{"folder-offsets", folderOffsets},
	{"walk-20-deep", walk20Deep},
	{"walk-dotdot", walkDotdot},
	{"walk-clone", walkClone},
	{"qids", qids},
	{"exclusive-use", exclusiveUse},
	{"error-texts", errorTexts},
	{"odd-names", oddNames},
	{"goroutines", goroutines},
	{"two-connections", twoConnections},
}

func main() {
	address := flag.String("addr", "", "dial string: tcp!host!port or unix!path")
	user := flag.String("user", "root", "uname of the attach")
	aname := flag.String("aname", "", "aname of the attach")
	folder := flag.String("folder", "", "folder inside the tree to work in")
	only := flag.String("only", "", "the name of one check")
	flag.Parse()

	dial := func() (*client.Fsys, error) { return attach(*address, *user, *aname) }
	fsys, err := dial()
	if err != nil {
		fmt.Printf("FAIL attach: %v\n", err)
		os.Exit(1)
	}
	failed, passed := 0, 0
	work := fmt.Sprintf("%s/goclient-%d", *folder, os.Getpid())
	t := &tree{Fsys: fsys, dial: dial, dir: work}
	if problem := t.attempt(func(t *tree) { t.mkdir("") }); problem != nil {
		fmt.Printf("FAIL making %s: %v\n", work, problem)
		os.Exit(1)
	}
	for _, c := range checks {
		if *only != "" && *only != c.name {
			continue
		}
		began := time.Now()
		own := &tree{Fsys: fsys, dial: dial, dir: work + "/" + c.name}
		problem := own.attempt(func(t *tree) {
			t.mkdir("")
			c.run(t)
			t.removeAll("")
		})
		if problem != nil {
			failed++
			fmt.Printf("FAIL %s: %v\n", c.name, problem)
			continue
		}
		passed++
		fmt.Printf("ok %s (%d ms)\n", c.name, time.Since(began).Milliseconds())
	}
	if problem := t.attempt(func(t *tree) { t.removeAll("") }); problem != nil {
		failed++
		fmt.Printf("FAIL cleaning up: %v\n", problem)
	}
	fmt.Printf("goclient: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// attach dials an address in the notation of Plan 9.
func attach(address, user, aname string) (*client.Fsys, error) {
	parts := strings.Split(address, "!")
	var conn *client.Conn
	var err error
	switch {
	case parts[0] == "tcp" && len(parts) == 3:
		conn, err = client.Dial("tcp", net.JoinHostPort(parts[1], parts[2]))
	case parts[0] == "unix" && len(parts) == 2:
		conn, err = client.Dial("unix", parts[1])
	default:
		err = fmt.Errorf("%q is neither tcp!host!port nor unix!path", address)
	}
	if err != nil {
		return nil, err
	}
	return conn.Attach(nil, user, aname)
}

const (
	fileMode   = plan9.Perm(0o644)
	folderMode = plan9.DMDIR | plan9.Perm(0o755)
)
