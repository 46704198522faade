namespace LowRank.Training.Tests;

/// <summary>The clock of a step's parts: adds up, begins anew, and is nothing while off.</summary>
public class StepClockTests
{
    [Fact]
    public void Parts_add_up_until_they_are_taken()
    {
        Assert.Equal(0, StepClock.Start());
        Assert.Equal(0, StepClock.Tick("a", 1));
        StepClock.Enabled = true;
        try
        {
            long at = StepClock.Start(), begin = at;
            for (int i = 0; i < 3; i++)
            {
                Thread.Sleep(2);
                at = StepClock.Tick("a", at);
                at = StepClock.Tick("b", at);
            }
            double whole = (double)(at - begin) / System.Diagnostics.Stopwatch.Frequency;
            var parts = StepClock.Take();
            Assert.Equal(["a", "b"], parts.Keys);
            Assert.Equal(whole, parts.Values.Sum(), 1e-9);
            Assert.True(parts["a"] >= 0.006);
            Assert.Empty(StepClock.Take());
        }
        finally { StepClock.Enabled = false; }
    }
}
