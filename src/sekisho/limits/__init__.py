"""Who may spend and use how much: rules, their periods, and reservations that hold before anything is sent."""
