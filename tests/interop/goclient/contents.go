package main

import (
	"io"
	"math/rand"
	"strings"

	"9fans.net/go/plan9"
)

func createWriteRead(t *tree) {
	fid := t.create("file", plan9.ORDWR, fileMode)
	writeAt(fid, []byte("hello, world"), 0)
	content := make([]byte, 12)
	n, err := fid.ReadAt(content, 0)
	must(err)
	same(string(content[:n]), "hello, world")
	must(fid.Close())
	same(t.content("file"), "hello, world")
	same(t.stat("file").Length, 12)
	t.write("empty", "")
	same(t.content("empty"), "")
}

func offsets(t *tree) {
	fid := t.create("file", plan9.ORDWR, fileMode)
	defer fid.Close()
	writeAt(fid, []byte("end"), 100_000)
	content := make([]byte, 100_003)
	n, err := fid.ReadAt(content, 0)
	must(err)
	same(n, 100_003)
	same(string(content), strings.Repeat("\x00", 100_000)+"end")
	// At the end and beyond it there is nothing, which is no error: the library calls it the end of the file.
	for _, offset := range []int64{100_003, 200_000, 1 << 40} {
		_, err := fid.ReadAt(content[:1], offset)
		same(err, io.EOF)
	}
	writeAt(fid, []byte("MID"), 50_000)
	n, err = fid.ReadAt(content[:5], 49_999)
	must(err)
	same(string(content[:n]), "\x00MID\x00")
	writeAt(fid, nil, 0)
}

func openModes(t *tree) {
	t.write("file", "content")
	reading := t.open("file", plan9.OREAD)
	_, err := reading.WriteAt([]byte("x"), 0)
	refused(err, "bad file", "not open", "permission")
	refused(reading.Open(plan9.OREAD), "open", "bad file", "invalid", "in use")
	must(reading.Close())
	writing := t.open("file", plan9.OWRITE)
	_, err = writing.ReadAt(make([]byte, 1), 0)
	refused(err, "bad file", "not open", "permission")
	must(writing.Close())
	_, err = t.Open(t.path(""), plan9.OWRITE)
	refused(err, "directory")
	_, err = t.Open(t.path(""), plan9.OREAD|plan9.ORCLOSE)
	refused(err, "directory", "permission", "invalid")
}

func truncate(t *tree) {
	t.write("file", "0123456789")
	fid := t.open("file", plan9.OWRITE|plan9.OTRUNC)
	same(t.stat("file").Length, 0)
	writeAt(fid, []byte("new"), 0)
	must(fid.Close())
	same(t.content("file"), "new")
}

// A file with DMAPPEND takes what is written at its end, whatever the offset, and cannot be truncated by opening.
func appendOnly(t *tree) {
	fid, err := t.Create(t.path("log"), plan9.OWRITE, plan9.DMAPPEND|fileMode)
	if err != nil {
		// Where a folder of the machine has no such bit, saying so is right; keeping silent is not.
		refused(err, "not supported", "permitted", "invalid")
		return
	}
	writeAt(fid, []byte("one"), 0)
	writeAt(fid, []byte("two"), 0)
	must(fid.Close())
	if t.stat("log").Mode&plan9.DMAPPEND == 0 {
		fail("created with DMAPPEND, but stat does not show it")
	}
	fid = t.open("log", plan9.OWRITE|plan9.OTRUNC)
	writeAt(fid, []byte("three"), 0)
	must(fid.Close())
	same(t.content("log"), "onetwothree")
}

func bigFile(t *tree) {
	const size = 10_000_000
	content := make([]byte, size)
	rand.New(rand.NewSource(9)).Read(content)
	fid := t.create("big", plan9.OWRITE, fileMode)
	writeAt(fid, content, 0)
	must(fid.Close())
	same(t.stat("big").Length, size)
	fid = t.open("big", plan9.OREAD)
	defer fid.Close()
	sameBytes(readAll(fid), content)
	piece := make([]byte, 300_001)
	n, err := fid.ReadAt(piece, 4_999_999)
	must(err)
	sameBytes(piece[:n], content[4_999_999:4_999_999+300_001])
}
