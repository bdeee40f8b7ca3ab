(SELECT seq, ${is_counted} AS counts FROM (${writes}))
