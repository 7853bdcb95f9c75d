@echo off
rem Installs callreel as a service of Windows, or a newer one over it. Run it as administrator.
setlocal
set "PROGRAM=%ProgramFiles%\callreel"
set "DATA=%ProgramData%\callreel"

net session >nul 2>&1
if errorlevel 1 (
  echo This needs the rights of an administrator: right-click install.cmd, "Run as administrator".
  exit /b 1
)

if exist "%PROGRAM%\callreel.exe" "%PROGRAM%\callreel.exe" service stop >nul 2>&1
if not exist "%PROGRAM%" mkdir "%PROGRAM%"
copy /y "%~dp0*.*" "%PROGRAM%\" >nul
if errorlevel 1 (
  echo callreel.exe could not be replaced. Does a recorder run that is no service?
  exit /b 1
)

rem Setup, keys and recordings are for the service and for administrators alone.
if not exist "%DATA%" mkdir "%DATA%"
icacls "%DATA%" /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F >nul
if errorlevel 1 (
  echo The rights of %DATA% could not be set.
  exit /b 1
)

if not exist "%DATA%\callreel.toml" (
  "%PROGRAM%\callreel.exe" setup --config "%DATA%\callreel.toml"
  if errorlevel 1 (
    echo There is no setup yet. Run install.cmd again when you know what it asks for.
    exit /b 1
  )
)

"%PROGRAM%\callreel.exe" service install --config "%DATA%\callreel.toml"
if errorlevel 1 exit /b 1
"%PROGRAM%\callreel.exe" service start
if errorlevel 1 exit /b 1
"%PROGRAM%\callreel.exe" service status
