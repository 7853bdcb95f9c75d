package sidecar

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The fields of the recording become attributes (plain values) and elements (all
// else) under the names of their json tags. Doing this by reflection means that a
// field which a step adds is in the sidecar without anyone remembering it, and a
// golden file shows the change. A zero value is left out.

// verbatimField is the one plain field that is written as an element: a CDR as it
// was received.
const verbatimField = "xml"

func timeType() reflect.Type { return reflect.TypeFor[time.Time]() }

// tagName gives the name of a field, empty for one that is not kept.
func tagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// itemName names the items of a list: <streams><stream/></streams>.
func itemName(list string) string {
	if one, ok := strings.CutSuffix(list, "s"); ok {
		return one
	}
	return "item"
}

func encodeStruct(n *node, v reflect.Value) error {
	for i := range v.NumField() {
		name := tagName(v.Type().Field(i))
		if name == "" || v.Field(i).IsZero() {
			continue
		}
		if err := encodeField(n, name, v.Field(i)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func encodeField(n *node, name string, v reflect.Value) error {
	if text, ok := encodePlain(v); ok && name != verbatimField {
		n.set(name, text)
		return nil
	} else if ok {
		n.children = append(n.children, &node{name: name, text: text})
		return nil
	}
	c := &node{name: name}
	n.children = append(n.children, c)
	switch v.Kind() {
	case reflect.Pointer:
		return encodeStruct(c, v.Elem())
	case reflect.Struct:
		return encodeStruct(c, v)
	case reflect.Slice:
		return encodeSlice(c, v)
	case reflect.Map:
		return encodeMap(c, v)
	default:
		return fmt.Errorf("a sidecar cannot hold a %s", v.Type())
	}
}

func encodePlain(v reflect.Value) (string, bool) {
	if v.Type() == timeType() {
		return formatTime(v.Interface().(time.Time)), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), true
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), true
	}
	return "", false
}

// formatTime writes RFC 3339 in UTC. A time that it cannot hold (a CDR may say
// anything) is written as seconds and nanoseconds since 1970: @sec.nsec.
func formatTime(t time.Time) string {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("@%d.%d", t.Unix(), t.Nanosecond())
	}
	return t.Format(time.RFC3339Nano)
}

func parseTime(s string) (time.Time, error) {
	number, ok := strings.CutPrefix(s, "@")
	if !ok {
		t, err := time.Parse(time.RFC3339Nano, s)
		return t.UTC(), err
	}
	sec, nsec, _ := strings.Cut(number, ".")
	whole, err := strconv.ParseInt(sec, 10, 64)
	part, err2 := strconv.ParseInt(nsec, 10, 64)
	return time.Unix(whole, part).UTC(), errors.Join(err, err2)
}

func encodeSlice(n *node, v reflect.Value) error {
	for i := range v.Len() {
		item := v.Index(i)
		c := &node{name: itemName(n.name)}
		n.children = append(n.children, c)
		if b, ok := reflect.TypeAssert[[]byte](item); ok {
			c.text = base64.StdEncoding.EncodeToString(b)
		} else if text, ok := encodePlain(item); ok {
			c.set("value", text)
		} else if item.Kind() != reflect.Struct {
			return fmt.Errorf("a sidecar cannot hold a list of %s", item.Type())
		} else if err := encodeStruct(c, item); err != nil {
			return err
		}
	}
	return nil
}

func encodeMap(n *node, v reflect.Value) error {
	m, ok := reflect.TypeAssert[map[string]int](v)
	if !ok {
		return fmt.Errorf("a sidecar cannot hold a %s", v.Type())
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		c := &node{name: "item", attrs: []attribute{{"key", key}}}
		c.set("value", strconv.Itoa(m[key]))
		n.children = append(n.children, c)
	}
	return nil
}

func decodeStruct(n *node, v reflect.Value) error {
	for i := range v.NumField() {
		name := tagName(v.Type().Field(i))
		if name == "" {
			continue
		}
		if err := decodeField(n, name, v.Field(i)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func decodeField(n *node, name string, v reflect.Value) error {
	if name == verbatimField && v.Kind() == reflect.String {
		if c := n.child(name); c != nil {
			v.SetString(c.text)
		}
		return nil
	}
	if text := n.attr(name); text != "" {
		return decodePlain(text, v)
	}
	c := n.child(name)
	if c == nil {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decodeStruct(c, v.Elem())
	case reflect.Struct:
		if v.Type() == timeType() {
			return nil
		}
		return decodeStruct(c, v)
	case reflect.Slice:
		return decodeSlice(c, v)
	case reflect.Map:
		return decodeMap(c, v)
	}
	return nil
}

func decodePlain(text string, v reflect.Value) error {
	if v.Type() == timeType() {
		t, err := parseTime(text)
		v.Set(reflect.ValueOf(t))
		return err
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		var i int64
		i, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(i)
	case reflect.Uint32, reflect.Uint64:
		var u uint64
		u, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(u)
	case reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(text, 64)
		v.SetFloat(f)
	default:
		return fmt.Errorf("%.40q stands where elements are wanted", text)
	}
	return err
}

func decodeSlice(n *node, v reflect.Value) error {
	for i, c := range n.children {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := decodeItem(c, item); err != nil {
			return fmt.Errorf("%d: %w", i+1, err)
		}
		v.Set(reflect.Append(v, item))
	}
	return nil
}

func decodeItem(c *node, item reflect.Value) error {
	if item.Kind() == reflect.Struct && item.Type() != timeType() {
		return decodeStruct(c, item)
	}
	if item.Kind() == reflect.Slice {
		b, err := base64.StdEncoding.DecodeString(c.text)
		if err == nil {
			item.SetBytes(b)
		}
		return err
	}
	if text := c.attr("value"); text != "" {
		return decodePlain(text, item)
	}
	return nil
}

func decodeMap(n *node, v reflect.Value) error {
	m := make(map[string]int, len(n.children))
	for _, c := range n.children {
		i, err := strconv.Atoi(c.attr("value"))
		if err != nil {
			return fmt.Errorf("%.40q: %w", c.attr("key"), err)
		}
		m[c.attr("key")] = i
	}
	v.Set(reflect.ValueOf(m))
	return nil
}
