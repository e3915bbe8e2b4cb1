package main

import (
	"bytes"
	"fmt"
	"sync"

	"9fans.net/go/plan9"
)

// Many requests of one connection are under way at once; none gets another's answer.
func goroutines(t *tree) {
	const workers, rounds = 32, 20
	problems := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			problems[worker] = t.attempt(func(t *tree) {
				for round := range rounds {
					name := fmt.Sprintf("file-%d-%d", worker, round)
					content := bytes.Repeat([]byte{byte(worker), byte(round)}, 5_000+worker)
					fid := t.create(name, plan9.ORDWR, fileMode)
					writeAt(fid, content, 0)
					sameBytes(readAll(fid), content)
					must(fid.Close())
					must(t.change(name, func(d *plan9.Dir) { d.Name = name + "-renamed" }))
					same(t.stat(name+"-renamed").Length, uint64(len(content)))
					must(t.Remove(t.path(name + "-renamed")))
				}
			})
		}()
	}
	group.Wait()
	for _, problem := range problems {
		must(problem)
	}
	same(len(t.names("")), 0)
}

func twoConnections(t *tree) {
	fsys, err := t.dial()
	must(err)
	defer fsys.Close()
	other := &tree{Fsys: fsys, dial: t.dial, dir: t.dir}
	t.write("file", "here")
	same(other.content("file"), "here")
	same(other.stat("file").Qid.Path, t.stat("file").Qid.Path)
	fid := t.open("file", plan9.OREAD)
	defer fid.Close()
	must(other.change("file", func(d *plan9.Dir) { d.Name = "renamed" }))
	same(string(readAll(fid)), "here")
	same(t.content("renamed"), "here")
	must(other.Remove(t.path("renamed")))
	same(t.exists("renamed"), false)
}
