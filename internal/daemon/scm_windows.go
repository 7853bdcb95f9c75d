package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"callreel/internal/clock"
)

const (
	restartAfter = 2 * time.Second
	forgetAfter  = 24 * time.Hour // without a fault, after which the next one is the first
	waitForIt    = 30 * time.Second
	lookEvery    = 200 * time.Millisecond
)

// scm is the Manager of Windows.
type scm struct{ ctx context.Context } //nolint:containedctx // a value of one command, which ends with it

// Here is the manager of this machine.
func Here(ctx context.Context, root string) (Manager, error) {
	if root != "" {
		return nil, fmt.Errorf("--root %s: %w", root, errors.ErrUnsupported)
	}
	return scm{ctx}, nil
}

// with calls f with the service, opened for what is to be done with it.
func (m scm) with(service string, access uint32, f func(*mgr.Service) error) error {
	h, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return asAdministrator(err)
	}
	defer windows.CloseServiceHandle(h)
	name, err := windows.UTF16PtrFromString(service)
	if err != nil {
		return err
	}
	s, err := windows.OpenService(h, name, access)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return ErrNotInstalled
	}
	if err != nil {
		return asAdministrator(err)
	}
	defer windows.CloseServiceHandle(s)
	return f(&mgr.Service{Name: service, Handle: s})
}

// Install makes the service, or changes it. It is started anew two seconds after each
// fault, also after one that it ended by itself with: Windows calls only a crash a failure
// unless it is told otherwise.
func (m scm) Install(u Unit) (done []string, err error) {
	for _, f := range u.Write {
		if _, err := os.Stat(f); err == nil {
			continue
		}
		if err := os.MkdirAll(f, 0o750); err != nil {
			return done, asAdministrator(err)
		}
		done = append(done, "made "+f)
	}
	all, err := mgr.Connect()
	if err != nil {
		return done, asAdministrator(err)
	}
	defer all.Disconnect()
	s, err := m.create(all, u)
	if err != nil {
		return done, asAdministrator(err)
	}
	defer s.Close()
	again := mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: restartAfter}
	err = errors.Join(
		s.SetRecoveryActions([]mgr.RecoveryAction{again, again, again}, uint32(forgetAfter.Seconds())),
		s.SetRecoveryActionsOnNonCrashFailures(true),
	)
	if err != nil {
		done = append(done, fmt.Sprintf("WARNING: Windows will not start %s anew after a fault: %v; set it under Recovery in services.msc", u.Service, err))
	}
	_ = eventlog.Remove(u.Service) // of an earlier install; else Install says that it is there
	if err := eventlog.InstallAsEventCreate(u.Service, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		return done, fmt.Errorf("make %s known to the event log: %w", u.Service, err)
	}
	return append(done, "service "+u.Service+" is known to Windows, and to its event log"), nil
}

// create makes the service, or gives the one that is there the new unit.
func (m scm) create(all *mgr.Mgr, u Unit) (*mgr.Service, error) {
	args := []string{"run", "--config", u.Config}
	cfg := mgr.Config{
		StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, ServiceStartName: u.User,
		DisplayName: "callreel, call recorder (" + u.Service + ")",
		Description: "Records the calls of a PBX, as the setup says.",
	}
	s, err := all.OpenService(u.Service)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return all.CreateService(u.Service, u.Binary, cfg, args...)
	}
	if err != nil {
		return nil, err
	}
	cfg.ServiceType, cfg.BinaryPathName = windows.SERVICE_WIN32_OWN_PROCESS, commandLine(u.Binary, args)
	if err := s.UpdateConfig(cfg); err != nil { // what is empty stays as it is
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func commandLine(binary string, args []string) string {
	line := windows.EscapeArg(binary)
	for _, a := range args {
		line += " " + windows.EscapeArg(a)
	}
	return line
}

func (m scm) Uninstall(service string) error {
	return m.with(service, windows.SERVICE_ALL_ACCESS, func(s *mgr.Service) error {
		if err := m.stop(s); err != nil {
			return err
		}
		if err := s.Delete(); err != nil {
			return asAdministrator(err)
		}
		if err := eventlog.Remove(service); err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
			return fmt.Errorf("take %s out of the event log: %w", service, err)
		}
		return nil
	})
}

func (m scm) Start(service string) error {
	return m.with(service, windows.SERVICE_START|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return asAdministrator(err)
		}
		return m.until(s, svc.Running)
	})
}

func (m scm) Stop(service string) error {
	return m.with(service, windows.SERVICE_STOP|windows.SERVICE_QUERY_STATUS, m.stop)
}

func (m scm) stop(s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return asAdministrator(err)
	}
	return m.until(s, svc.Stopped)
}

// until waits for a state.
func (m scm) until(s *mgr.Service, want svc.State) error {
	for range waitForIt / lookEvery {
		st, err := s.Query()
		if err != nil {
			return err
		}
		if st.State == want {
			return nil
		}
		if st.State == svc.Stopped {
			return fmt.Errorf("%s has stopped with code %d; the event log of Windows says why", s.Name, max(st.ServiceSpecificExitCode, st.Win32ExitCode))
		}
		if !clock.System().Wait(m.ctx.Done(), lookEvery) {
			return m.ctx.Err()
		}
	}
	return fmt.Errorf("%s is not %s after %s", s.Name, stateText(want), waitForIt)
}

func (m scm) State(service string) (st State, err error) {
	err = m.with(service, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG, func(s *mgr.Service) error {
		now, err := s.Query()
		if err != nil {
			return err
		}
		st = State{Running: now.State == svc.Running, Text: stateText(now.State)}
		if code := max(now.ServiceSpecificExitCode, now.Win32ExitCode); now.State == svc.Stopped && code == uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
			st.Text += ", not started since the machine was"
		} else if now.State == svc.Stopped && code != 0 {
			st.Text += fmt.Sprintf(", the last time with code %d", code)
		}
		if cfg, err := s.Config(); err == nil && cfg.StartType != mgr.StartAutomatic {
			st.Text += "; does not start with the machine"
		}
		return nil
	})
	return st, err
}

func stateText(s svc.State) string {
	switch s {
	case svc.Stopped:
		return "stopped"
	case svc.StartPending:
		return "starting"
	case svc.StopPending:
		return "stopping"
	case svc.Running:
		return "running"
	default:
		return fmt.Sprintf("in state %d", s)
	}
}

// asAdministrator says what most often mends an error here.
func asAdministrator(err error) error {
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return fmt.Errorf("%w; this needs the rights of an administrator: run it in a console that was opened as administrator", err)
	}
	return err
}
