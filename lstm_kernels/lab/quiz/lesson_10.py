"""Quick questions of lesson 10."""

TEXT = """
? You scale the whole series by its mean and spread, then hold out the last three years. What is
  wrong?
= The scale knows the years that are held out.
> That is knowledge of the future. Take mean and spread from the past alone.
- Nothing: a scale is not training.
> It is a number that comes from the data, so it may carry a leak.
- The held-out years need a scale of their own.
> Then the forecast would have to know them first: a leak, too.
- Three years are too short to hold out.
> That may be, but it is not what spoils this test.

? `rollout` plans a year at once. What does the forecast of month 5 get to see?
= its own months 1 to 4
> They are fed back as if they were true.
- the true months 1 to 4
> This is `one_step`. In a plan, they are not known yet.
- the true month 4 alone
> This is known only when month 4 is over.
- nothing after the past
> Then it could not step on: each month's forecast needs the one before.

? A rule was the best of six in 1958. What do you expect of it in 1959?
= little: one year is one throw of the dice
> In this series, nobody won two years in a row.
- that it wins again
> Its win may be luck: measure from many origins.
- that it loses, because luck evens out
> Luck has no memory. It may as well win again.

? The errors of four months are +10, -10, +10, -10. What are the RMSE and the mean error?
= 10 and 0
> Squared they are all 100; with their signs they cancel.
- 0 and 0
> Squares do not cancel: that is why they are taken.
- 100 and 0
> The root is missing.
- 10 and 10
> This is the mean of the sizes. With signs it is 0.
"""
