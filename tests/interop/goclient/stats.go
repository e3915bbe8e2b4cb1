package main

import (
	"time"

	"9fans.net/go/plan9"
)

func stat(t *tree) {
	t.write("file", "12345")
	d := t.stat("file")
	same(d.Name, "file")
	same(d.Length, 5)
	same(d.Mode, fileMode)
	same(d.Qid.Type, plan9.QTFILE)
	if age := time.Since(time.Unix(int64(d.Mtime), 0)); age < -time.Minute || age > time.Minute {
		fail("just written, but its time is %v ago", age)
	}
	if d.Uid == "" || d.Gid == "" {
		fail("owner %q and group %q: both must have a name", d.Uid, d.Gid)
	}
	t.mkdir("folder")
	d = t.stat("folder")
	same(d.Mode, folderMode)
	same(d.Qid.Type, plan9.QTDIR)
	same(d.Length, 0)
	fid := t.open("file", plan9.OREAD)
	defer fid.Close()
	opened, err := fid.Stat()
	must(err)
	same(opened.Qid.Path, t.stat("file").Qid.Path)
	root, err := t.Stat("")
	must(err)
	same(root.Name, "/")
}

func wstatRename(t *tree) {
	t.write("old", "content")
	before := t.stat("old").Qid.Path
	must(t.change("old", func(d *plan9.Dir) { d.Name = "new" }))
	same(t.exists("old"), false)
	same(t.content("new"), "content")
	same(t.stat("new").Name, "new")
	same(t.stat("new").Qid.Path, before)
	t.mkdir("folder")
	t.write("folder/inner", "inner")
	must(t.change("folder", func(d *plan9.Dir) { d.Name = "moved" }))
	same(t.content("moved/inner"), "inner")
	for _, name := range []string{"a/b", ".", "..", "\x00"} {
		refused(t.change("new", func(d *plan9.Dir) { d.Name = name }), "name", "invalid", "syntax", "exists", "protocol")
	}
	same(t.content("new"), "content")
}

func wstatChmod(t *tree) {
	t.write("file", "content")
	must(t.change("file", func(d *plan9.Dir) { d.Mode = 0o600 }))
	same(t.stat("file").Mode, 0o600)
	t.mkdir("folder")
	must(t.change("folder", func(d *plan9.Dir) { d.Mode = plan9.DMDIR | 0o700 }))
	same(t.stat("folder").Mode, plan9.DMDIR|0o700)
}

func wstatLength(t *tree) {
	t.write("file", "0123456789")
	must(t.change("file", func(d *plan9.Dir) { d.Length = 4 }))
	same(t.content("file"), "0123")
	must(t.change("file", func(d *plan9.Dir) { d.Length = 6 }))
	same(t.content("file"), "0123\x00\x00")
	t.mkdir("folder")
	refused(t.change("folder", func(d *plan9.Dir) { d.Length = 1 }), "directory", "permi", "invalid", "wstat")
}

func wstatTimes(t *tree) {
	t.write("file", "content")
	must(t.change("file", func(d *plan9.Dir) { d.Mtime = 123_456_789 }))
	same(t.stat("file").Mtime, 123_456_789)
	// All or nothing: the bad name keeps the good time from being set.
	err := t.change("file", func(d *plan9.Dir) { d.Mtime, d.Name = 5, "a/b" })
	refused(err, "name", "invalid", "syntax", "protocol")
	same(t.stat("file").Mtime, 123_456_789)
}

// A wstat that changes nothing makes the file durable, open or not.
func wstatNothing(t *tree) {
	t.write("file", "content")
	before := *t.stat("file")
	must(t.change("file", func(*plan9.Dir) {}))
	fid := t.open("file", plan9.OWRITE)
	defer fid.Close()
	var d plan9.Dir
	d.Null()
	must(fid.Wstat(&d))
	after := *t.stat("file")
	before.Atime, after.Atime = 0, 0
	same(after, before)
}

func wstatRefused(t *tree) {
	t.write("file", "content")
	before := *t.stat("file")
	words := []string{"permi", "invalid", "wstat", "protocol", "not supported"}
	refused(t.change("file", func(d *plan9.Dir) { d.Type = 7 }), words...)
	refused(t.change("file", func(d *plan9.Dir) { d.Dev = 7 }), words...)
	refused(t.change("file", func(d *plan9.Dir) { d.Qid.Path = 7 }), words...)
	refused(t.change("file", func(d *plan9.Dir) { d.Mode = plan9.DMDIR | 0o755 }), words...)
	same(*t.stat("file"), before)
}
