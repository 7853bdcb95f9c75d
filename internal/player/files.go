package player

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

//go:embed web
var web embed.FS

// files serves the page itself. The types are said here and not looked up: on
// Windows a look-up asks the registry, where programs write what they like, and
// a browser runs no script that is called text/plain.
func files() http.Handler {
	types := map[string]string{
		".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".html": "text/html; charset=utf-8",
	}
	static, err := fs.Sub(web, "web")
	if err != nil {
		static = web // impossible: the folder is embedded above
	}
	serve := http.FileServerFS(static)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		if name == "/" {
			name = "index.html"
		}
		if f, err := fs.Stat(static, path.Clean("./"+name)); err == nil && !f.IsDir() {
			w.Header().Set("Content-Type", types[path.Ext(name)])
		}
		serve.ServeHTTP(w, r)
	})
}
