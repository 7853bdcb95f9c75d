package pbx

import (
	"cmp"
	"maps"
	"slices"

	"callreel/internal/pbx/wsdl11"
	"callreel/internal/recording"
)

// roster is the objects in the session's scope.
type roster struct {
	pbx, group, self string
	objects          map[string]*wsdl11.UserInfo // by cn
	loc              string                      // where this PBX is; may not be known
	slave            bool                        // it is one, reached through its master
	complete         bool                        // the list after Initialize has ended
}

func newRoster(cfg Config) *roster {
	return &roster{pbx: cfg.Name, group: cfg.Group, self: cfg.User, objects: map[string]*wsdl11.UserInfo{}}
}

// maxObjects bounds the roster; a PBX has some thousand objects.
const maxObjects = 100_000

// apply takes one UserInfo. An empty cn ends the first list; active = false
// says that the object has left the scope.
func (r *roster) apply(u *wsdl11.UserInfo) {
	switch {
	case u.Cn == "":
		r.complete = true
	case !u.Active:
		delete(r.objects, u.Cn)
	case r.has(u.Cn) || len(r.objects) < maxObjects:
		r.objects[u.Cn] = u
	}
}

// has reports whether an object of that name is in scope.
func (r *roster) has(cn string) bool {
	_, ok := r.objects[cn]
	return ok
}

// agents returns the users and executives in scope that are members of the
// recording group, in the order of their names. The session's own user is in
// scope too, since it is a member; it is no agent.
func (r *roster) agents() []recording.Agent {
	var list []recording.Agent
	for _, u := range r.objects {
		if r.isAgent(u) {
			list = append(list, recording.Agent{CN: u.Cn, DN: u.Dn, E164: u.E164, H323: u.H323, GUID: u.Guid, PBX: r.pbx})
		}
	}
	slices.SortFunc(list, func(a, b recording.Agent) int { return cmp.Compare(a.CN, b.CN) })
	return list
}

// isAgent reports whether the object is a member of the recording group whose
// calls this PBX handles.
func (r *roster) isAgent(u *wsdl11.UserInfo) bool {
	return r.isMember(u) && (u.Loc == "" || r.isHere(u.Loc))
}

func (r *roster) isHere(loc string) bool { return r.loc != "" && loc == r.loc }

func (r *roster) isMember(u *wsdl11.UserInfo) bool {
	if u.Cn == r.self || !recordable(u) {
		return false
	}
	return r.group == "" || slices.ContainsFunc(u.Groups, func(g *wsdl11.Group) bool { return g.Group == r.group })
}

// recordable reports whether the object is a user or an executive. "ep" is the
// type of both; "object", where the PBX sends it, is more exact.
func recordable(u *wsdl11.UserInfo) bool {
	switch u.Object {
	case "user", "ep", "executive":
		return true
	case "":
		return u.Type_ == "ep" || u.Type_ == "executive" || u.Type_ == "user"
	default:
		return false
	}
}

// subscriptions are the users whose call events the session has asked for.
type subscriptions struct {
	byHandle map[int32]recording.Agent
	byCN     map[string]int32
}

func newSubscriptions() *subscriptions {
	return &subscriptions{byHandle: map[int32]recording.Agent{}, byCN: map[string]int32{}}
}

func (s *subscriptions) add(handle int32, a recording.Agent) {
	s.byHandle[handle] = a
	s.byCN[a.CN] = handle
}

func (s *subscriptions) drop(cn string) {
	delete(s.byHandle, s.byCN[cn])
	delete(s.byCN, cn)
}

// names returns the long names subscribed to, sorted.
func (s *subscriptions) names() []string { return slices.Sorted(maps.Keys(s.byCN)) }
