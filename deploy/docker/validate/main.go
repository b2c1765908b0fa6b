// Validates what needs no Docker engine to be validated, with Docker's own libraries: a compose file
// by the loader of `docker compose`, a Dockerfile by BuildKit's front end and its lint rules.
//
//	validate compose.yaml Dockerfile
//
// Exit code 1 and a line for each fault. Nothing is fetched: base images are taken to be there.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	digest "github.com/opencontainers/go-digest"
)

func main() {
	if len(os.Args) < 2 {
		fail("give compose files and Dockerfiles")
	}
	faults := []string{}
	for _, path := range os.Args[1:] {
		check := dockerfile
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
			check = compose
		}
		for _, fault := range check(context.Background(), path) {
			faults = append(faults, path+": "+fault)
		}
	}
	if len(faults) > 0 {
		fail(strings.Join(faults, "\n"))
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

// compose loads every service of every profile, as `docker compose --profile '*' config` does, with
// the schema, interpolation and consistency checks; a variable that has no default is a fault.
func compose(ctx context.Context, path string) []string {
	options, err := cli.NewProjectOptions([]string{path},
		cli.WithProfiles([]string{"*"}),
		cli.WithConsistency(true),
		cli.WithResolvedPaths(true),
	)
	if err != nil {
		return []string{err.Error()}
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	faults := []string{}
	for name, service := range project.Services {
		if _, err := project.WithSelectedServices([]string{name}); err != nil {
			faults = append(faults, err.Error())
		}
		if tag := service.Image[strings.LastIndex(service.Image, "/")+1:]; !strings.Contains(tag, ":") {
			faults = append(faults, fmt.Sprintf("%s: image %s has no exact tag", name, service.Image))
		}
		for _, mount := range service.Volumes {
			if _, err := os.Stat(mount.Source); mount.Type == "bind" && err != nil {
				faults = append(faults, fmt.Sprintf("%s mounts %s, which is not there", name, mount.Source))
			}
		}
	}
	return faults
}

// nowhere answers for every registry: an image with nothing in it. One without an exact tag is refused;
// so is a stage that is misspelt, as that is then such an image.
type nowhere struct{}

func (nowhere) ResolveImageConfig(
	_ context.Context, ref string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	if strings.HasSuffix(ref, ":latest") {
		return "", "", nil, fmt.Errorf("%s has no exact tag, or is a stage that is not there", ref)
	}
	config := []byte(`{"architecture":"amd64","os":"linux","config":{"User":"root"}}`)
	return ref, digest.FromBytes(config), config, nil
}

// dockerfile converts every stage to what BuildKit would run, and returns what its rules warn of.
func dockerfile(ctx context.Context, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	targets, err := dockerfile2llb.ListTargets(ctx, text)
	if err != nil {
		return []string{err.Error()}
	}
	faults := []string{}
	for _, target := range targets.Targets {
		name := target.Name
		options := dockerfile2llb.ConvertOpt{MetaResolver: nowhere{}}
		options.Target = name
		options.Warn = func(rule, _, _, message string, at []parser.Range) {
			for _, part := range at[:min(1, len(at))] {
				rule = fmt.Sprintf("line %d: %s", part.Start.Line, rule)
			}
			faults = append(faults, fmt.Sprintf("target %s: %s: %s", name, rule, message))
		}
		if _, err := dockerfile2llb.Dockerfile2LLB(ctx, text, options); err != nil {
			faults = append(faults, fmt.Sprintf("target %s: %s", name, err))
		}
	}
	return faults
}
