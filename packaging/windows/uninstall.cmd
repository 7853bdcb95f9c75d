@echo off
rem Removes the service and the program. Setup, keys and recordings stay.
setlocal
set "PROGRAM=%ProgramFiles%\callreel"
net session >nul 2>&1
if errorlevel 1 (
  echo This needs the rights of an administrator: right-click uninstall.cmd, "Run as administrator".
  exit /b 1
)
"%PROGRAM%\callreel.exe" service uninstall
if errorlevel 2 goto gone
if errorlevel 1 exit /b 1
:gone
echo Setup, keys and recordings are left in %ProgramData%\callreel and where the setup says.
cd /d "%TEMP%"
rd /s /q "%PROGRAM%"
