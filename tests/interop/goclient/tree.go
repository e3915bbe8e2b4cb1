package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"

	"9fans.net/go/plan9"
	"9fans.net/go/plan9/client"
)

// A tree is one folder of the server as one check sees it. What goes wrong ends the check.
type tree struct {
	*client.Fsys
	// dial makes another connection to the same server.
	dial func() (*client.Fsys, error)
	dir  string
}

type problem struct{ error }

// attempt runs a check and returns the problem that ended it, with the line of the check where it arose.
func (t *tree) attempt(f func(*tree)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(problem)
			if !ok {
				panic(r)
			}
			err = p.error
		}
	}()
	f(t)
	return nil
}

// fail ends the check, naming the nearest line that belongs to a check and not to this file.
func fail(format string, args ...any) {
	where := ""
	for depth := 1; depth < 8; depth++ {
		_, file, line, ok := runtime.Caller(depth)
		if ok && !strings.HasSuffix(file, "/tree.go") {
			where = fmt.Sprintf("%s:%d: ", file[strings.LastIndex(file, "/")+1:], line)
			break
		}
	}
	panic(problem{fmt.Errorf(where+format, args...)})
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func same[T comparable](got, expected T) {
	if got != expected {
		fail("got %v, expected %v", got, expected)
	}
}

func sameBytes(got, expected []byte) {
	if bytes.Equal(got, expected) {
		return
	}
	at := 0
	for at < len(got) && at < len(expected) && got[at] == expected[at] {
		at++
	}
	fail("got %d bytes, expected %d; they differ from byte %d on", len(got), len(expected), at)
}

// refused wants an error that says one of the given words, in small letters.
func refused(err error, words ...string) {
	if err == nil {
		fail("succeeded, but must be refused")
	}
	for _, word := range words {
		if strings.Contains(strings.ToLower(err.Error()), word) {
			return
		}
	}
	fail("refused with %q, expected one of %q", err, words)
}

func (t *tree) path(name string) string {
	if name == "" {
		return t.dir
	}
	return t.dir + "/" + name
}

func (t *tree) mkdir(name string) {
	fid, err := t.Create(t.path(name), plan9.OREAD, folderMode)
	must(err)
	must(fid.Close())
}

func (t *tree) open(name string, mode uint8) *client.Fid {
	fid, err := t.Open(t.path(name), mode)
	must(err)
	return fid
}

func (t *tree) create(name string, mode uint8, perm plan9.Perm) *client.Fid {
	fid, err := t.Create(t.path(name), mode, perm)
	must(err)
	return fid
}

func (t *tree) write(name, content string) {
	fid := t.create(name, plan9.OWRITE, fileMode)
	writeAt(fid, []byte(content), 0)
	must(fid.Close())
}

func (t *tree) content(name string) string {
	fid := t.open(name, plan9.OREAD)
	defer fid.Close()
	return string(readAll(fid))
}

func (t *tree) stat(name string) *plan9.Dir {
	d, err := t.Stat(t.path(name))
	must(err)
	return d
}

func (t *tree) exists(name string) bool {
	_, err := t.Stat(t.path(name))
	return err == nil
}

// change sends a wstat with only what the function sets.
func (t *tree) change(name string, set func(*plan9.Dir)) error {
	var d plan9.Dir
	d.Null()
	set(&d)
	return t.Wstat(t.path(name), &d)
}

func (t *tree) names(name string) []string {
	fid := t.open(name, plan9.OREAD)
	defer fid.Close()
	entries, err := fid.Dirreadall()
	must(err)
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name)
	}
	return names
}

func (t *tree) removeAll(name string) {
	if t.stat(name).Mode&plan9.DMDIR != 0 {
		for _, entry := range t.names(name) {
			t.removeAll(strings.TrimPrefix(name+"/"+entry, "/"))
		}
	}
	must(t.Remove(t.path(name)))
}

func readAll(fid *client.Fid) []byte {
	content, err := io.ReadAll(fid)
	must(err)
	return content
}

func writeAt(fid *client.Fid, content []byte, offset int64) {
	n, err := fid.WriteAt(content, offset)
	must(err)
	same(n, len(content))
}
