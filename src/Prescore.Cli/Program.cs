using System.Runtime.InteropServices;
using Prescore.Cli;

// Whatever the locale says.
Console.InputEncoding = Console.OutputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
using var interrupt = new CancellationTokenSource();

// The first Ctrl+C lets the command print what is finished; a second one ends the process at once.
using PosixSignalRegistration interruptSignal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using PosixSignalRegistration terminateSignal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
return CommandLine.Run(args, ToolContext.ForConsole(interrupt.Token));

void Interrupt(PosixSignalContext signal)
{
    signal.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
}
