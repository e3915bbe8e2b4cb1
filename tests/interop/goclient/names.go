package main

import (
	"fmt"
	"slices"
	"strings"

	"9fans.net/go/plan9"
)

func remove(t *tree) {
	t.write("file", "content")
	must(t.Remove(t.path("file")))
	same(t.exists("file"), false)
	refused(t.Remove(t.path("file")), "not found", "does not exist", "no such file")
	t.mkdir("folder")
	t.write("folder/inner", "")
	refused(t.Remove(t.path("folder")), "not empty", "exists")
	must(t.Remove(t.path("folder/inner")))
	must(t.Remove(t.path("folder")))
	same(t.exists("folder"), false)
}

func removeOnClose(t *tree) {
	fid := t.create("created", plan9.ORDWR|plan9.ORCLOSE, fileMode)
	same(t.exists("created"), true)
	must(fid.Close())
	same(t.exists("created"), false)
	t.write("opened", "content")
	fid = t.open("opened", plan9.OREAD|plan9.ORCLOSE)
	same(string(readAll(fid)), "content")
	must(fid.Close())
	same(t.exists("opened"), false)
}

func renamedWhileOpen(t *tree) {
	t.write("old", "first ")
	fid := t.open("old", plan9.ORDWR)
	must(t.change("old", func(d *plan9.Dir) { d.Name = "new" }))
	writeAt(fid, []byte("second"), 6)
	d, err := fid.Stat()
	must(err)
	same(d.Name, "new")
	must(fid.Close())
	same(t.content("new"), "first second")
}

func removedWhileOpen(t *tree) {
	t.write("file", "content")
	fid := t.open("file", plan9.ORDWR)
	must(t.Remove(t.path("file")))
	same(t.exists("file"), false)
	writeAt(fid, []byte(" more"), 7)
	same(string(readAll(fid)), "content more")
	d, err := fid.Stat()
	must(err)
	same(d.Length, 12)
	t.write("file", "another")
	if t.stat("file").Qid.Path == d.Qid.Path {
		fail("the file of the same name has the qid of the removed one")
	}
	must(fid.Close())
	same(t.content("file"), "another")
}

func folderOf1000(t *tree) {
	expected := make([]string, 1000)
	for i := range expected {
		expected[i] = fmt.Sprintf("file-%04d-%s", i, strings.Repeat("x", i%50))
		t.write(expected[i], "")
	}
	names := t.names("")
	slices.Sort(names)
	same(strings.Join(names, "\n"), strings.Join(expected, "\n"))
}

// A folder can be read again from its start, but not from the middle.
func folderOffsets(t *tree) {
	for i := range 100 {
		t.write(fmt.Sprint("file", i), "")
	}
	fid := t.open("", plan9.OREAD)
	defer fid.Close()
	first := make([]byte, 512)
	n, err := fid.Read(first)
	must(err)
	_, err = fid.ReadAt(make([]byte, 512), 7)
	refused(err, "offset", "invalid", "directory", "seek")
	again := make([]byte, 512)
	_, err = fid.Seek(0, 0)
	must(err)
	m, err := fid.Read(again)
	must(err)
	sameBytes(again[:m], first[:n])
	rest, err := fid.Dirreadall()
	must(err)
	if len(rest) == 0 || len(rest) >= 100 {
		fail("after the first piece there are %d entries of 100 left", len(rest))
	}
}

// More elements than one Twalk may have: the library walks in steps of 16.
func walk20Deep(t *tree) {
	path := ""
	for i := range 20 {
		path = strings.TrimPrefix(fmt.Sprint(path, "/", i), "/")
		t.mkdir(path)
	}
	t.write(path+"/file", "deep")
	same(t.content(path+"/file"), "deep")
	_, err := t.Stat(t.path(path + "/missing"))
	refused(err, "not found", "does not exist", "no such file")
	_, err = t.Stat(t.path("0/1/missing/3"))
	refused(err, "not found", "does not exist", "no such file")
	_, err = t.Stat(t.path(path + "/file/below"))
	refused(err, "not a directory", "not found", "does not exist")
}

func walkDotdot(t *tree) {
	t.mkdir("folder")
	t.write("file", "content")
	same(t.content("folder/../file"), "content")
	root, err := t.Stat("")
	must(err)
	above, err := t.Stat("../../../..")
	must(err)
	same(above.Qid, root.Qid)
}

func walkClone(t *tree) {
	t.write("file", "content")
	fid := t.open("file", plan9.OREAD)
	clone, err := fid.Walk("")
	must(err)
	must(clone.Open(plan9.OREAD))
	must(fid.Close())
	same(string(readAll(clone)), "content")
	must(clone.Close())
}

func qids(t *tree) {
	t.write("one", "1")
	t.write("two", "2")
	one, two := t.stat("one").Qid, t.stat("two").Qid
	if one.Path == two.Path {
		fail("two files have one qid.path, %d", one.Path)
	}
	fid := t.open("one", plan9.OWRITE)
	writeAt(fid, []byte("changed"), 0)
	must(fid.Close())
	changed := t.stat("one").Qid
	same(changed.Path, one.Path)
	if changed.Vers == one.Vers {
		fail("written, but the version is still %d", one.Vers)
	}
	must(t.Remove(t.path("one")))
	t.write("one", "again")
	if t.stat("one").Qid.Path == one.Path {
		fail("removed and made again, but the qid.path is still %d", one.Path)
	}
}

func exclusiveUse(t *tree) {
	fid, err := t.Create(t.path("lock"), plan9.OWRITE, plan9.DMEXCL|fileMode)
	if err != nil {
		refused(err, "not supported", "permitted", "invalid")
		return
	}
	_, err = t.Open(t.path("lock"), plan9.OREAD)
	refused(err, "exclusive", "in use", "busy", "locked")
	must(fid.Close())
	must(t.open("lock", plan9.OREAD).Close())
}

// The phrases that both 9pfuse and Linux turn into the right errno.
func errorTexts(t *tree) {
	t.write("file", "")
	t.mkdir("folder")
	_, err := t.Open(t.path("missing"), plan9.OREAD)
	refused(err, "not found", "does not exist", "no such file")
	_, err = t.Create(t.path("file"), plan9.OREAD, fileMode)
	refused(err, "exists")
	_, err = t.Create(t.path("folder"), plan9.OREAD, folderMode)
	refused(err, "exists")
	_, err = t.Create(t.path("file/below"), plan9.OREAD, fileMode)
	refused(err, "directory")
	_, err = t.Create(t.path("."), plan9.OREAD, fileMode)
	refused(err, "name", "invalid", "exists", "syntax", "protocol")
	_, err = t.Create(t.path(strings.Repeat("x", 256)), plan9.OREAD, fileMode)
	refused(err, "name too long", "long")
}

func oddNames(t *tree) {
	names := []string{" ", "with space", "größe", "日本語", "🙂", "new\nline", "...", "-dash", strings.Repeat("x", 255)}
	for _, name := range names {
		t.write(name, name)
	}
	for _, name := range names {
		same(t.content(name), name)
	}
	listed := t.names("")
	slices.Sort(listed)
	slices.Sort(names)
	same(strings.Join(listed, "|"), strings.Join(names, "|"))
}
