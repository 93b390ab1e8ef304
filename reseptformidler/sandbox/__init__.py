"""A synthetic world to try the service in: registers, patients, certificates, messages. No person in it exists."""
