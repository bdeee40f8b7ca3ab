(typeof(${value}) NOT IN ('real', 'null') OR abs(${value}) > 1.7e308)
