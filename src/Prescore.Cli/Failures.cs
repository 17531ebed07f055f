using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Experiments.Reports;
using Prescore.Generation.Chat;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Inference;
using Prescore.Specs;

namespace Prescore.Cli;

/// <summary>Turns an exception into one line on the error stream and an exit code.</summary>
internal static class Failures
{
    public static int Report(Exception exception, ToolContext context)
    {
        Exception cause = exception is AggregateException several ? several.Flatten().InnerExceptions[0] : exception;
        if (cause is OperationCanceledException)
        {
            context.Error.WriteLine("interrupted");
            return ExitCodes.Interrupted;
        }
        if (IsBadInput(cause))
        {
            context.Error.WriteLine($"error: {OneLine(cause.Message)}");
            return ExitCodes.BadInput;
        }
        context.Error.WriteLine($"internal error, please report it: {exception}");
        return ExitCodes.InternalError;
    }

    /// <summary>The text without line breaks, other controls escaped.</summary>
    public static string OneLine(string text) => VisibleText.Line(
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)));

    private static bool IsBadInput(Exception exception) => exception
        is BadInputException
        or BudgetException
        or MethodSpecException
        or ModelFormatException
        or ContextLimitException
        or LogitOverflowException
        or UnsupportedChatException
        or SessionNotSavableException
        or TensorValueException
        or IOException
        or UnauthorizedAccessException
        or OutOfMemoryException;
}
