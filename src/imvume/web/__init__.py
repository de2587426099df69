"""The console: pages made on the server, one stylesheet, one small script, nothing from elsewhere."""
