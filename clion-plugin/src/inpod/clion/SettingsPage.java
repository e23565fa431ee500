package inpod.clion;

import com.intellij.openapi.options.Configurable;
import com.intellij.openapi.options.ConfigurationException;
import com.intellij.openapi.project.Project;
import inpod.session.Target;
import java.awt.BorderLayout;
import java.awt.GridBagConstraints;
import java.awt.GridBagLayout;
import java.awt.Insets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JTextField;

/** Settings | Tools | inpod. */
public final class SettingsPage implements Configurable {
  static final String NAME = "inpod";

  private final Project project;
  private JTextField path, target, namespace;

  public SettingsPage(Project project) {
    this.project = project;
  }

  @Override
  public String getDisplayName() {
    return NAME;
  }

  @Override
  public JComponent createComponent() {
    JPanel form = new JPanel(new GridBagLayout());
    path = row(form, 0, "Path of inpod:", "Empty: the first on PATH");
    target = row(form, 1, "Default target:", "deployment/web, or \"deployment/web in shop\" for a namespace; empty: ask at each launch");
    namespace = row(form, 2, "Namespace:", "Whose targets are listed; empty: the kubeconfig's");
    JPanel page = new JPanel(new BorderLayout());
    page.add(form, BorderLayout.NORTH);
    reset();
    return page;
  }

  private static JTextField row(JPanel form, int row, String label, String hint) {
    JTextField field = new JTextField();
    field.setToolTipText(hint);
    field.getAccessibleContext().setAccessibleName(label);
    field.getAccessibleContext().setAccessibleDescription(hint);
    GridBagConstraints at = new GridBagConstraints();
    at.gridy = 2 * row;
    at.insets = new Insets(6, 0, 0, 8);
    at.anchor = GridBagConstraints.WEST;
    form.add(new JLabel(label), at);
    at.gridx = 1;
    at.weightx = 1;
    at.fill = GridBagConstraints.HORIZONTAL;
    form.add(field, at);
    at.gridy = 2 * row + 1;
    at.insets = new Insets(0, 0, 0, 8);
    JLabel comment = new JLabel(hint);
    comment.setEnabled(false);
    form.add(comment, at);
    return field;
  }

  @Override
  public boolean isModified() {
    ProjectSettings.State own = ProjectSettings.of(project).state();
    return !path.getText().strip().equals(AppSettings.instance().state().path) || !target.getText().strip().equals(own.target)
        || !namespace.getText().strip().equals(own.namespace);
  }

  @Override
  public void apply() throws ConfigurationException {
    String program = path.getText().strip();
    if (!program.isEmpty() && !Files.isExecutable(Path.of(program))) throw new ConfigurationException(program + " is not a program");
    if (!target.getText().isBlank() && !Target.ofKey(target.getText().strip()).isWellFormed()) {
      throw new ConfigurationException("A target is KIND/NAME, such as deployment/web, local:PID, label:KEY=VALUE or targetless");
    }
    AppSettings.instance().state().path = program;
    ProjectSettings.State own = ProjectSettings.of(project).state();
    own.target = target.getText().strip();
    own.namespace = namespace.getText().strip();
  }

  @Override
  public void reset() {
    ProjectSettings.State own = ProjectSettings.of(project).state();
    path.setText(AppSettings.instance().state().path);
    target.setText(own.target);
    namespace.setText(own.namespace);
  }

  @Override
  public void disposeUIResources() {
    path = target = namespace = null;
  }
}
